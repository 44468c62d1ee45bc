"""The only loop of the house: poll, process, commit as one transaction; poison goes to `dead_letter`, trouble is tried again.

One step, in order:
    1. poll a batch (or see that a timer is due)
    2. let the processor turn it into a transaction
    3. commit offsets, records and state together
    4. tell the processor: committed, or rolled back
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Thread
from typing import Protocol, runtime_checkable

from kestra_stream.errors import Fatal, Fenced, Retryable, Unavailable
from kestra_stream.queue.interface import Consumer, Log, Outgoing, Record, Transaction, Unreadable
from kestra_stream.runtime.backoff import Backoff
from kestra_stream.runtime.clock import Clock
from kestra_stream.runtime.dead_letters import Failure, Serialize, letter_without_record, letters_of
from kestra_stream.runtime.observation.metrics import Metrics
from kestra_stream.runtime.observation.pulse import Pulse
from kestra_stream.runtime.processor import Processor

logger = logging.getLogger(__name__)

BATCH = 500
LONGEST_WAIT = 0.25


class Loop:
    """Runs one processor over one consumer.

    Args:
        serialize: bytes of a record's value, for the dead letter, where the log keeps none.
        metrics: where its figures go.

    Attributes:
        dead_letters: how many records went to the dead letters.
        trouble: why nothing goes on at the moment; empty while it does.
        pulse: its signs of life.
    """

    def __init__(self, processor: Processor, log: Log, clock: Clock, serialize: Serialize, metrics: Metrics | None = None) -> None:
        self.processor = processor
        self.pulse = Pulse(processor.group, metrics)
        self.consumer: Consumer = log.consumer(processor.group, processor.topics, processor, processor.state)
        self._clock = clock
        self._serialize = serialize
        self.dead_letters = 0
        self.trouble = ""
        self._stopped = Event()
        self._is_running = False
        self._trouble = Backoff(clock)
        self._failed_wakes = Backoff(clock)
        self._one_by_one = 0
        self._must_rejoin = False
        self._is_busy = False

    def step(self, timeout: float = 0.0) -> bool:
        """Do one round; return whether there was anything to do. Waits at most `timeout` seconds for a record or timer.

        Raises:
            Fatal: going on would break a promise.
        """
        if self._trouble.left > 0:
            self._stopped.wait(min(timeout, self._trouble.left))
            return False
        with self.pulse.step():
            return self._step(timeout)

    def _step(self, timeout: float) -> bool:
        self._is_busy = True
        try:
            due_in = self.due_in()
            if due_in is not None and due_in <= 0 and not self._must_rejoin:
                return self._wake()
            wait = timeout if due_in is None else min(timeout, due_in)
            records = self.consumer.poll(1 if self._one_by_one else BATCH, 0 if self._must_rejoin else wait)
            self._must_rejoin = False
            if not records:
                self.trouble = ""
                return False
            with self.pulse.batch(len(records)):
                return self._process(records)
        except Fenced as error:
            logger.warning("%s: %s", self.processor.group, error)
            self.pulse.fenced()
            self.processor.rolled_back()
            self._must_rejoin = True  # a wake-up alone would be fenced for ever: the new assignment comes with a poll
        except Retryable as error:
            wait = self._trouble.failed()
            self.trouble = str(error)
            self.pulse.repeated()
            logger.warning("%s: %s; trying again in %s s", self.processor.group, error, wait)
            self._roll_back()
        finally:
            self._is_busy = False
        return True

    @property
    def is_idle(self) -> bool:
        """Whether all that was sent so far has been processed (for consumers that know their lag). May be asked from any thread."""
        return not getattr(self.consumer, "lag", 0) and not self._is_busy

    @property
    def has_joined(self) -> bool:
        """Whether its partitions are known, none included, and their state is restored."""
        return isinstance(self.consumer, WatchedConsumer) and self.consumer.has_joined

    @property
    def lags(self) -> Mapping[str, int]:
        """Records that wait to be read, by topic."""
        return self.consumer.lags if isinstance(self.consumer, WatchedConsumer) else {}

    def run(self) -> None:
        """Go round until `stop`, then leave the group."""
        self._is_running = True
        try:
            while not self._stopped.is_set():
                self.step(LONGEST_WAIT)
        finally:
            self.consumer.close()

    def start(self, name: str) -> Thread:
        """Run in a thread of its own."""
        self._is_running = True
        return _started(self.run, name)

    def stop(self) -> None:
        """End `run` after the present step, which waits no longer; one that does not run leaves its group at once."""
        self._stopped.set()
        if self._is_running:
            self.consumer.wake()
        else:
            self.consumer.close()

    def due_in(self) -> float | None:
        """Seconds until there is something to do without a record: a timer, or another try; None for never."""
        if self._trouble.left > 0:
            return self._trouble.left
        at = self.processor.wake_at()
        return None if at is None else max((at - self._clock.now()).total_seconds(), self._failed_wakes.left)

    def _wake(self) -> bool:
        """Let the processor turn timers into records; one that fails to is asked again later, and its records go on."""
        try:
            self._commit(self.processor.wake(self._clock.now()))
        except (Retryable, Fatal):
            raise
        except Exception:
            wait = self._failed_wakes.failed()
            logger.exception("%s: the timers cannot be served; trying again in %s s", self.processor.group, wait)
            self._roll_back()
            return True
        self._failed_wakes.succeeded()
        return True

    def _process(self, records: Sequence[Record]) -> bool:
        letters = [letter for record in records if isinstance(record.value, Unreadable) for letter in self._unread(record, record.value)]
        readable = [record for record in records if not isinstance(record.value, Unreadable)] if letters else records
        try:
            transaction = self.processor.process(readable, self._clock.now()) if readable else Transaction()
            if letters:
                transaction = Transaction((*transaction.records, *letters), transaction.state)
            self._commit(transaction)
        except (Retryable, Fatal):
            raise
        except Exception as error:  # noqa: BLE001 - the border of the loop: a poison record stops nobody
            self._isolate(records, error)
            return True
        self.dead_letters += len(records) - len(readable)
        self._one_by_one = max(self._one_by_one - len(records), 0)
        return True

    def _isolate(self, records: Sequence[Record], error: Exception) -> None:
        """Take a poison record to the dead letters; as long as it hides among others, read them again one by one."""
        if len(records) > 1:
            self._one_by_one = len(records)
            self._roll_back()
            return
        (record,) = records
        group = self.processor.group
        if isinstance(record.value, Unreadable):
            failure = Failure(group, record.value.error)
        else:
            failure = Failure.raised(group, error)
            logger.error("%s: %s is poison and goes to the dead letters", group, _place(record), exc_info=error)
        self._one_by_one = max(self._one_by_one - 1, 0)
        self._bury(record, failure)

    def _bury(self, record: Record, failure: Failure) -> None:
        """Go on behind a record, with its letters; when those cannot be written with one that only names it; else with a line of log."""
        now = self._clock.now()
        self.processor.rolled_back()
        for letters in (letters_of(record, failure, now, self._serialize), letter_without_record(record, failure, now), ()):
            try:
                self.consumer.commit(Transaction(letters))
            except (Retryable, Fatal):
                raise
            except Exception:
                logger.exception("%s: the dead letter of %s cannot be written", self.processor.group, _place(record))
            else:
                self.dead_letters += 1
                return
        raise Unavailable(f"the log takes nothing of {_place(record)}, not even that it was read")

    def _commit(self, transaction: Transaction) -> None:
        with self.pulse.transaction():
            self.consumer.commit(transaction)
        self.processor.committed()
        self._trouble.succeeded()
        self.trouble = ""

    def _roll_back(self) -> None:
        self.processor.rolled_back()
        self.consumer.rewind()

    def _unread(self, record: Record, value: Unreadable) -> list[Outgoing]:
        logger.error("%s: %s cannot be read and goes to the dead letters: %s", self.processor.group, _place(record), value.error)
        return letters_of(record, Failure(self.processor.group, value.error), self._clock.now(), self._serialize)


def _place(record: Record) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


@runtime_checkable
class WatchedConsumer(Protocol):
    """A consumer that tells how it is doing, to any thread."""

    @property
    def has_joined(self) -> bool:
        """Whether it knows its partitions, none included, and the listener has their state."""
        ...

    @property
    def lags(self) -> Mapping[str, int]:
        """Records of its partitions that wait to be read, by topic."""
        ...


@runtime_checkable
class WakingConsumer(Protocol):
    """A consumer that can tell a thread, which waits for several, that it has something."""

    def on_wake(self, call: Callable[[], None]) -> None:
        """Have something called as soon as a poll would find something."""
        ...


class LoopGroup:
    """Several loops that take turns in one thread, and sleep together when none has anything to do.

    Raises:
        TypeError: a loop's consumer is none that wakes (of the memory log): such a loop needs a thread of its own.
    """

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._loops = tuple(loops)
        self._woken = Event()
        self._stopped = False
        self._is_running = False
        for loop in self._loops:
            if not isinstance(loop.consumer, WakingConsumer):
                raise TypeError(f"the consumer of `{loop.processor.group}` wakes nobody; run it in a thread of its own")
            loop.consumer.on_wake(self._woken.set)

    def run(self) -> None:
        """Go round until `stop`, then leave all groups."""
        self._is_running = True
        try:
            while not self._stopped:
                self._woken.clear()
                busy = [loop.step() for loop in self._loops]
                if not any(busy):
                    self._woken.wait(self._longest_sleep())
        finally:
            self._leave()

    def start(self, name: str) -> Thread:
        """Run in a thread of its own."""
        self._is_running = True
        return _started(self.run, name)

    def stop(self) -> None:
        """End `run` after the present round; one that does not run leaves its groups at once."""
        self._stopped = True
        self._woken.set()
        if not self._is_running:
            self._leave()

    def _longest_sleep(self) -> float:
        waits = [wait for loop in self._loops if (wait := loop.due_in()) is not None]
        return max(0.0, min([LONGEST_WAIT, *waits]))

    def _leave(self) -> None:
        for loop in self._loops:
            loop.consumer.close()


def _started(run: Callable[[], None], name: str) -> Thread:
    thread = Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
