"""The ear of a worker: kill requests in, whoever they are for; between two of them the worker gives signs of life."""

import logging
import time
from collections.abc import Callable
from threading import Event

from kestra_stream.errors import Retryable
from kestra_stream.queue.interface import EPHEMERAL, Consumer, Log, Record, Transaction
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
    """

    def __init__(
        self, log: Log, worker_id: str, take: Callable[[Record], None], beat: Callable[[], None], heartbeat: float, stopped: Event
    ) -> None:
        self._log, self._worker_id = log, worker_id
        self._take, self._beat = take, beat
        self._heartbeat = heartbeat
        self._stopped = stopped
        self._consumer: Consumer | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has begun to listen."""
        return self._consumer is not None

    def wake(self) -> None:
        """End the wait that is under way."""
        if self._consumer is not None:
            self._consumer.wake()

    def listen(self) -> None:
        """Hear of all requests until it is stopped."""
        self._consumer = consumer = self._log.consumer(f"{EPHEMERAL}worker-{self._worker_id}", (KILL,))
        next_beat = 0.0
        try:
            while not self._stopped.is_set():
                if time.monotonic() >= next_beat:
                    next_beat = time.monotonic() + self._heartbeat
                    self._beat()
                self._hear(consumer)
        finally:
            consumer.close()

    def _hear(self, consumer: Consumer) -> None:
        try:
            records = consumer.poll(500, _LISTEN_SECONDS)
        except Retryable as error:
            logger.warning("The worker %s does not hear of kills: %s", self._worker_id, error)
            self._stopped.wait(_PAUSE)
            return
        for record in records:
            self._take(record)
        if records:
            consumer.commit(Transaction())
