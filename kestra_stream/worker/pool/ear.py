"""The ear of a worker: kill requests in, whoever they are for; between two of them the worker gives signs of life."""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Event

from kestra_stream.errors import Retryable
from kestra_stream.queue.interface import Log, Reader, Record
from kestra_stream.topics import KILL

logger = logging.getLogger(__name__)

_LISTEN_SECONDS = 0.5
_PAUSE = 1.0


class Ear:
    """Listens in the thread that calls `listen`.

    Args:
        worker_id: who listens.
        take: takes a record in.
        beat: called every `heartbeat` seconds.
        stopped: what ends it, with `wake`.

    Attributes:
        has_caught_up: it has heard all that was said before: of a job that has waited for long, too, that nobody wants it any more.
    """

    def __init__(
        self, log: Log, worker_id: str, take: Callable[[Record], None], beat: Callable[[], None], heartbeat: float, stopped: Event
    ) -> None:
        self._log, self._worker_id = log, worker_id
        self._take, self._beat = take, beat
        self._heartbeat = heartbeat
        self._stopped = stopped
        self._reader: Reader | None = None
        self.has_caught_up = False

    def wake(self) -> None:
        """End the wait that is under way."""
        if self._reader is not None:
            self._reader.wake()

    def listen(self) -> None:
        """Hear of all requests until it is stopped."""
        self._reader = reader = self._log.reader((KILL,))
        next_beat = 0.0
        try:
            while not self._stopped.is_set():
                if time.monotonic() >= next_beat:
                    next_beat = time.monotonic() + self._heartbeat
                    self._beat()
                self._hear(reader)
        finally:
            reader.close()

    def _hear(self, reader: Reader) -> None:
        try:
            if not self.has_caught_up:
                for records in reader.catch_up():
                    self._take_all(records)
                self.has_caught_up = True
            self._take_all(reader.poll(500, _LISTEN_SECONDS))
        except Retryable as error:
            logger.warning("The worker %s does not hear of kills: %s", self._worker_id, error)
            self._stopped.wait(_PAUSE)

    def _take_all(self, records: Sequence[Record]) -> None:
        for record in records:
            self._take(record)
