"""What the worker sends: records in, one `Log.send` for all that came together, callbacks once the log has acknowledged.

Any thread adds; whoever flushes first sends for all others too, so that a hundred short attempts cost a handful of sends.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

from kestra_stream.errors import Fatal, Retryable
from kestra_stream.queue.interface import Log, Outgoing

logger = logging.getLogger(__name__)

_BATCH = 2000
_FULL = 5_000
_PAUSE = 0.25
_TOLD = 30.0

Sent = Callable[[], object]


class Outbox:
    """Records on their way to the log, in the order in which they were added. Thread-safe."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._waiting: deque[tuple[Sequence[Outgoing], Sent | None]] = deque()
        self._sending = Lock()
        self._not_before = self._tell_again = 0.0

    def __len__(self) -> int:
        """How many batches wait."""
        return len(self._waiting)

    @property
    def is_empty(self) -> bool:
        """Whether all is acknowledged."""
        return not self._waiting and not self._sending.locked()

    @property
    def is_full(self) -> bool:
        """Whether so much waits that nothing should be added that can wait."""
        return len(self._waiting) > _FULL

    def add(self, records: Sequence[Outgoing], sent: Sent | None = None) -> None:
        """Put records in line; `sent` is called once they are durable."""
        self._waiting.append((records, sent))

    def flush(self, patience: float = 0.0) -> bool:
        """Send all that waits; False when the log does not take it now. With `patience` it is tried even if it was just refused.

        Args:
            patience: how many seconds to wait for what another thread is sending.

        Raises:
            Fatal: the log refuses this process for good.
        """
        while (self._waiting or (patience and self._sending.locked())) and self._sending.acquire(timeout=patience):
            try:
                if (not patience and time.monotonic() < self._not_before) or (self._waiting and not self._send_batch()):
                    return False
            finally:
                self._sending.release()
        return True

    def _send_batch(self) -> bool:
        batch = []
        size = 0
        while self._waiting and size < _BATCH:
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0])
        try:
            self._log.send([record for records, _ in batch for record in records])
        except Retryable as error:
            self._waiting.extendleft(reversed(batch))
            self._refused(error)
            return False
        except Fatal:
            self._waiting.extendleft(reversed(batch))
            raise
        except Exception as error:  # noqa: BLE001 - the border of the loop: one bad record must not stop the others
            if len(batch) > 1:
                self._send_singly(batch)
            else:
                _drop(batch[0][0], error)
            return True
        self._acknowledge(batch)
        return True

    def _refused(self, error: Retryable) -> None:
        """The log does not take it now: it is left alone for a moment, and now and then somebody is told."""
        now = time.monotonic()
        self._not_before = now + _PAUSE
        if now >= self._tell_again:
            self._tell_again = now + _TOLD
            logger.warning("what this worker has to tell waits: %s", error)

    def _send_singly(self, batch: Sequence[tuple[Sequence[Outgoing], Sent | None]]) -> None:
        """One of these records cannot be sent: find out which, so that the others are not lost with it."""
        for entry in batch:
            try:
                self._log.send(entry[0])
            except Retryable:
                self._waiting.append(entry)
            except Exception as error:  # noqa: BLE001 - see above
                _drop(entry[0], error)
            else:
                self._acknowledge([entry])

    def _acknowledge(self, batch: Sequence[tuple[Sequence[Outgoing], Sent | None]]) -> None:
        for _, sent in batch:
            if sent is not None:
                sent()


def _drop(records: Sequence[Outgoing], error: Exception) -> None:
    logger.error("%d records could not be sent; the job comes back when its lease ends", len(records), exc_info=error)
