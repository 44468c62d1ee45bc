"""The only loop of the house: poll, process, commit as one transaction; poison goes to `dead_letter`, trouble is tried again.

One step, in order:
    1. poll a batch (or see that a timer is due)
    2. let the processor turn it into a transaction
    3. commit offsets, records and state together
    4. tell the processor: committed, or rolled back
"""

import logging
from collections.abc import Callable, Sequence
from threading import Event, Thread

from kestra_stream.errors import Fenced, Retryable
from kestra_stream.models.messages import DeadLetter
from kestra_stream.queue.interface import Consumer, Log, Outgoing, Record, Transaction
from kestra_stream.runtime.clock import Clock
from kestra_stream.runtime.processor import Processor
from kestra_stream.topics import DEAD_LETTER

logger = logging.getLogger(__name__)

BATCH = 500
LONGEST_WAIT = 1.0
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.05, 5.0


class Loop:
    """Runs one processor over one consumer.

    Args:
        serialize: bytes of a record's value, for the dead letter.
    """

    def __init__(self, processor: Processor, log: Log, clock: Clock, serialize: Callable[[Record], bytes]) -> None:
        self.processor = processor
        self.consumer: Consumer = log.consumer(processor.group, processor.topics, processor)
        self._clock = clock
        self._serialize = serialize
        self._stopped = Event()
        self._backoff = _FIRST_BACKOFF
        self._one_by_one = 0
        self._is_busy = False

    def step(self, timeout: float = 0.0) -> bool:
        """Do one round; return whether there was anything to do. Waits at most `timeout` seconds for a record or timer."""
        due_in = self.due_in()
        try:
            if due_in is not None and due_in <= 0:
                return self._commit(self.processor.wake(self._clock.now()))
            wait = timeout if due_in is None else min(timeout, due_in)
            records = self.consumer.poll(1 if self._one_by_one else BATCH, wait)
            self._is_busy = bool(records)
            return self._is_busy and self._process(records)
        except Fenced as error:
            logger.warning("%s: %s", self.processor.group, error)
            self.processor.rolled_back()
            return True
        finally:
            self._is_busy = False

    def run(self) -> None:
        """Go round until `stop`."""
        while not self._stopped.is_set():
            self.step(LONGEST_WAIT)

    def start(self, name: str) -> Thread:
        """Run in a thread of its own."""
        thread = Thread(target=self.run, name=name, daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End `run` and leave the group."""
        self._stopped.set()
        self.consumer.close()

    @property
    def has_work(self) -> bool:
        """Whether records wait, or are being processed (asks the memory log only)."""
        return bool(getattr(self.consumer, "lag", 0)) or self._is_busy

    def due_in(self) -> float | None:
        """Seconds until the processor wants to be woken; None for never."""
        at = self.processor.wake_at()
        return None if at is None else (at - self._clock.now()).total_seconds()

    def _process(self, records: Sequence[Record]) -> bool:
        try:
            transaction = self.processor.process(records, self._clock.now())
        except Retryable as error:
            return self._try_again(error)
        except Exception as error:  # noqa: BLE001 - the border of the loop: a poison record stops nobody
            self.processor.rolled_back()
            if len(records) > 1:
                self.consumer.rewind()
                self._one_by_one = len(records)
                return True
            transaction = Transaction((self._dead_letter(records[0], error),))
        self._one_by_one = max(self._one_by_one - 1, 0)
        return self._commit(transaction)

    def _commit(self, transaction: Transaction) -> bool:
        try:
            self.consumer.commit(transaction)
        except Retryable as error:
            return self._try_again(error)
        self.processor.committed()
        self._backoff = _FIRST_BACKOFF
        return True

    def _try_again(self, error: Retryable) -> bool:
        logger.warning("%s: %s; trying again in %s s", self.processor.group, error, self._backoff)
        self.processor.rolled_back()
        self.consumer.rewind()
        self._stopped.wait(self._backoff)
        self._backoff = min(self._backoff * 2, _LONGEST_BACKOFF)
        return True

    def _dead_letter(self, record: Record, error: Exception) -> Outgoing:
        message = f"{type(error).__name__}: {error}"
        logger.error("%s: a record of %s goes to the dead letters: %s", self.processor.group, record.topic, message, exc_info=error)
        payload = self._serialize(record)
        letter = DeadLetter(record.topic, record.partition, record.offset, record.key, payload, message, self._clock.now())
        return Outgoing(DEAD_LETTER, record.topic, letter)


class LoopGroup:
    """Several loops that take turns in one thread, and sleep together when none has anything to do.

    For a log whose consumers can be woken through `on_wake` (the memory log); others get a thread a loop.
    """

    def __init__(self, loops: Sequence[Loop]) -> None:
        self.loops = tuple(loops)
        self._woken = Event()
        self._stopped = False
        for loop in self.loops:
            setattr(loop.consumer, "on_wake", self._woken.set)  # noqa: B010 - only the memory consumer has it

    def run(self) -> None:
        """Go round until `stop`."""
        while not self._stopped:
            self._woken.clear()
            busy = [loop.step() for loop in self.loops]
            if not any(busy):
                self._woken.wait(self._longest_sleep())

    def _longest_sleep(self) -> float:
        waits = [wait for loop in self.loops if (wait := loop.due_in()) is not None]
        return max(0.0, min([LONGEST_WAIT, *waits]))

    def start(self, name: str) -> Thread:
        """Run in a thread of its own."""
        thread = Thread(target=self.run, name=name, daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End `run` and leave all groups."""
        self._stopped = True
        self._woken.set()
        for loop in self.loops:
            loop.stop()
