"""Tells of a process on `service` from time to time, where no worker does; each beat also compares the clocks."""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event, Thread

from kestra_stream.errors import KestraError, Retryable
from kestra_stream.models.messages import ServiceHeartbeat, ServiceState
from kestra_stream.queue.interface import Log, Outgoing
from kestra_stream.topics import SERVICE

logger = logging.getLogger(__name__)

_LAST = 1.0


class Heartbeat:
    """Beats in a thread of its own until it is told to stop.

    Args:
        service_id: of the process.
        service_type: its component, in capitals.
        now: the moment.
        interval: from one beat to the next.
    """

    def __init__(self, log: Log, service_id: str, service_type: str, now: Callable[[], datetime], interval: timedelta) -> None:
        self._log = log
        self._service_id, self._service_type = service_id, service_type
        self._now = now
        self._interval = interval
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="the heartbeat", daemon=True)

    def start(self) -> None:
        """Beat from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Beat for the last time; a log that is away is not waited for."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(_LAST)

    def _run(self) -> None:
        told = ""
        while not self._stopping.wait(self._interval.total_seconds()):
            try:
                self.beat()
            except KestraError as error:
                is_new = not isinstance(error, Retryable) and str(error) != told
                logger.log(logging.WARNING if is_new else logging.DEBUG, "A heartbeat was not sent, the next one follows: %s", error)
                told = str(error)
        with suppress(KestraError):
            self.beat(ServiceState.TERMINATED)

    def beat(self, state: ServiceState = ServiceState.RUNNING) -> None:
        """Tell once.

        Raises:
            KestraError: the log does not take it.
        """
        beat = ServiceHeartbeat(self._service_id, self._service_type, state, self._now())
        self._log.send((Outgoing(SERVICE, self._service_id, beat),))
