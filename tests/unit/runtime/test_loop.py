"""The loop: what is processed is committed as one, poison stops nobody, trouble is tried again, a zombie starts anew."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest

from kestra_stream.errors import Fatal, Invalid, Unavailable
from kestra_stream.queue.interface import Outgoing, Raw, RebalanceListener, Record, State, StateChange, TopicPartition, Transaction
from kestra_stream.queue.memory import MemoryConsumer, MemoryLog
from kestra_stream.queue.memory.ledger import Ledger
from kestra_stream.queue.serde import HEADERS, to_bytes
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.dead_letters import raw_of
from kestra_stream.runtime.loop import Loop, LoopGroup
from kestra_stream.testing.clock import ManualClock
from kestra_stream.topics import DEAD_LETTER, Cleanup, Topic


def topic(name: str, partitions: int = 1) -> Topic:
    return Topic(name, "any", Any, Cleanup.DELETE, "a test", "a test", partitions)


IN, OUT = topic("in"), topic("out")


class Doubler:
    """Answers each number with twice of it, and keeps the sum; `faults` are raised first, one for each call."""

    def __init__(self, group: str = "doubler", reads: Topic = IN, writes: Topic = OUT) -> None:
        self.group = group
        self.topics = (reads,)
        self.state = None
        self.writes = writes
        self.sum = 0
        self.at: datetime | None = None
        self.faults: list[Exception] = []
        self.wake_faults: list[Exception] = []
        self.events: list[str] = []
        self.batches: list[int] = []
        self._staged = 0

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        self.batches.append(len(records))
        if self.faults:
            raise self.faults.pop(0)
        self._staged = self.sum + sum(record.value for record in records)
        return Transaction(
            [Outgoing(self.writes, record.key, 2 * record.value) for record in records], [StateChange("sum", "", self._staged)]
        )

    def wake(self, now: datetime) -> Transaction:
        if self.wake_faults:
            raise self.wake_faults.pop(0)
        self.at, self._staged = None, self.sum
        return Transaction([Outgoing(self.writes, "timer", "woken")])

    def wake_at(self) -> datetime | None:
        return self.at

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        self.events.append("assigned")
        self.sum = self._staged = next((owners["sum"][""] for owners in state.values() if "sum" in owners), 0)

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.events.append("revoked")

    def rolled_back(self) -> None:
        self.events.append("rolled back")
        self._staged = self.sum

    def committed(self) -> None:
        self.events.append("committed")
        self.sum = self._staged


def no_bytes(record: Record) -> bytes:
    del record
    return b""


class Room:
    """A log, a clock, a processor and its loop."""

    def __init__(self, log: MemoryLog | None = None) -> None:
        self.clock = ManualClock()
        self.log = log or MemoryLog(self.clock.now)
        self.processor = Doubler()
        self.loop = Loop(self.processor, self.log, self.clock, lambda record: to_bytes(record.value))
        self._out = self.log.consumer("", (OUT,))
        self._letters = self.log.consumer("", (DEAD_LETTER,))

    def send(self, *values: Any) -> None:
        self.log.send([Outgoing(IN, "key", value) for value in values])

    def settle(self) -> None:
        """Go round until nothing is left, moving the clock over waits."""
        for _ in range(100):
            if not self.loop.step():
                wait = self.loop.due_in()
                if wait is None:
                    return
                self.clock.advance(timedelta(seconds=wait + 1e-6))
        raise AssertionError("the loop does not settle")

    @property
    def answers(self) -> list[Any]:
        return [record.value for record in self._out.poll(100, 0)]

    @property
    def letters(self) -> list[Any]:
        return [record.value for record in self._letters.poll(100, 0)]


# -- the way of all records --------------------------------------------------------------------------------------------


def test_a_batch_is_processed_committed_and_told() -> None:
    room = Room()
    room.send(1, 2, 3)
    assert room.loop.step()
    assert room.answers == [2, 4, 6]
    assert (room.processor.sum, room.processor.events) == (6, ["assigned", "committed"])


def test_a_step_with_nothing_to_do_says_so() -> None:
    room = Room()
    assert not room.loop.step()
    assert room.processor.batches == []


def test_state_comes_back_to_the_next_loop() -> None:
    room = Room()
    room.send(1, 2)
    room.settle()
    room.loop.stop()
    heir = Doubler()
    Loop(heir, room.log, room.clock, no_bytes).step()
    assert heir.sum == 3


def test_a_processor_that_dies_before_its_commit_has_done_nothing() -> None:
    room = Room()
    room.send(1)
    room.processor.faults = [Fatal("power cut")]
    with pytest.raises(Fatal):
        room.loop.step()
    room.loop.stop()
    assert room.answers == []
    heir = Doubler()
    assert Loop(heir, room.log, room.clock, no_bytes).step()
    assert room.answers == [2]


# -- timers ------------------------------------------------------------------------------------------------------------


def test_a_timer_wakes_the_processor_at_its_moment() -> None:
    room = Room()
    room.processor.at = room.clock.now() + timedelta(seconds=10)
    assert not room.loop.step()
    assert room.loop.due_in() == 10
    room.clock.advance(timedelta(seconds=10))
    assert room.loop.step()
    assert room.answers == ["woken"]
    assert room.loop.due_in() is None


def test_timers_that_cannot_be_served_stop_no_records() -> None:
    room = Room()
    room.processor.at = room.clock.now()
    room.processor.wake_faults = [RuntimeError("no"), RuntimeError("no")]
    room.send(1)
    assert room.loop.step()
    assert room.loop.step()
    assert room.answers == [2]
    room.settle()
    assert room.answers == ["woken"]


def test_a_timer_that_meets_trouble_is_tried_again() -> None:
    room = Room()
    room.processor.at = room.clock.now()
    room.processor.wake_faults = [Unavailable("away")]
    room.settle()
    assert room.answers == ["woken"]


# -- poison ------------------------------------------------------------------------------------------------------------


class Poisoned(Doubler):
    """Chokes on texts."""

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        if any(isinstance(record.value, str) for record in records):
            raise ValueError("a text")
        return super().process(records, now)


def poisoned_room(log: MemoryLog | None = None) -> Room:
    room = Room(log)
    room.loop.stop()
    room.processor = Poisoned()
    room.loop = Loop(room.processor, room.log, room.clock, lambda record: to_bytes(record.value))
    return room


def test_a_poison_record_goes_to_the_dead_letters_and_the_others_go_on() -> None:
    room = poisoned_room()
    room.send(1, "poison", 3)
    room.settle()
    assert room.answers == [2, 6]
    (letter,) = room.letters
    assert (letter.topic, letter.partition, letter.offset, letter.key) == ("in", 0, 1, "key")
    assert (letter.payload, letter.error, letter.at) == (b'"poison"', "ValueError: a text", room.clock.now())
    assert room.processor.sum == 4


def test_after_a_poison_record_batches_are_whole_again() -> None:
    room = poisoned_room()
    room.send(1, "poison", 3)
    room.settle()
    room.processor.batches.clear()
    room.send(4, 5, 6)
    room.settle()
    assert room.processor.batches == [3]


def test_what_a_dead_letter_takes_away_is_told_as_rolled_back_not_as_committed() -> None:
    room = poisoned_room()
    room.send("poison")
    room.settle()
    assert room.processor.events == ["assigned", "rolled back"]


def test_a_poison_record_that_cannot_be_written_is_described() -> None:
    room = poisoned_room()
    room.loop.stop()

    def refuse(record: Record) -> bytes:
        raise Invalid("no bytes")

    room.loop = Loop(room.processor, room.log, room.clock, refuse)
    room.send("poison")
    room.settle()
    assert [letter.payload for letter in room.letters] == [b"'poison'"]


def test_a_record_that_cannot_be_read_goes_to_the_dead_letters_byte_for_byte() -> None:
    room = Room()
    room.send(1, Raw(b"\xff\x00", b"key"), 3)
    room.settle()
    assert room.answers == [2, 6]
    (letter,) = room.letters
    assert (letter.payload, letter.offset) == (b"\xff\x00", 1)
    assert "Invalid JSON" in letter.error
    room.send(Raw(b"x", b"key"))
    room.settle()
    assert [letter.payload for letter in room.letters] == [b"x"]


def test_a_dead_letter_tells_who_gave_up_and_where_it_happened() -> None:
    room = poisoned_room()
    room.send(Raw(b' "poison"', b"k\xc3\xa4se", (("trace", b"\xff"), *HEADERS)))
    room.settle()
    (letter,) = room.letters
    assert (letter.component, letter.error_type) == ("doubler", "ValueError")
    assert 'raise ValueError("a text")' in letter.traceback
    assert letter.timestamp is not None
    assert raw_of([letter]) == Raw(b' "poison"', "käse".encode(), (("trace", b"\xff"), *HEADERS), 0)
    assert room.loop.dead_letters == 1


def test_letters_of_a_batch_are_written_with_what_the_others_bring_about() -> None:
    room = Room()
    room.send(1, Raw(b"{", b"a"), Raw(b"1", None), 3)
    assert room.loop.step()
    assert room.answers == [2, 6]
    assert [(letter.key, letter.offset) for letter in room.letters] == [("a", 1), (None, 2)]
    assert room.processor.batches == [2]
    assert room.loop.dead_letters == 2


def test_a_record_at_the_limit_of_the_broker_fits_into_letters_of_that_size() -> None:
    room = Room()
    raw = Raw(bytes(range(256)) * 4096, b"\xff" * 1000, (("h", b"\x80" * 1000),))
    room.send(raw)
    room.settle()
    letters = room.letters
    assert len(letters) > 1
    assert all(len(to_bytes(letter)) < 600_000 for letter in letters)
    assert raw_of(letters) == replace(raw, partition=0)


class PickyLog(MemoryLog):
    """Takes only dead letters that are small enough; `most` is -1 for none at all."""

    most = 0

    def consumer(
        self, group: str, topics: Sequence[Topic], listener: RebalanceListener | None = None, state: Topic | None = None
    ) -> MemoryConsumer:
        del state
        return PickyConsumer(self._ledger, group, topics, listener, self)


class PickyConsumer(MemoryConsumer):
    """Refuses letters as its log says."""

    def __init__(self, ledger: Ledger, group: str, topics: Sequence[Topic], listener: RebalanceListener | None, log: PickyLog) -> None:
        super().__init__(ledger, group, topics, listener)
        self._log = log

    def commit(self, transaction: Transaction) -> None:
        if any(record.topic is DEAD_LETTER and len(record.value.payload or b"") > self._log.most for record in transaction.records):
            raise ValueError("too large")
        super().commit(transaction)


@pytest.mark.parametrize("poison", [Raw(b"not JSON", b"key"), "poison"], ids=["unreadable", "not processed"])
def test_a_record_whose_letter_cannot_be_written_is_named_by_one_without_it(poison: object) -> None:
    log = PickyLog(ManualClock().now)
    room = poisoned_room(log)
    room.send(1, poison, 3)
    room.settle()
    assert room.answers == [2, 6]
    (letter,) = room.letters
    assert (letter.offset, letter.key, letter.payload) == (1, "key", None)
    assert "it stays at in/0/1 as long as its topic keeps it" in letter.error
    assert raw_of([letter]) is None


def test_a_record_of_which_no_letter_can_be_written_does_not_stop_the_loop() -> None:
    log = PickyLog(ManualClock().now)
    log.most = -1
    room = poisoned_room(log)
    room.send(1, "poison", 3)
    room.settle()
    assert room.answers == [2, 6]
    assert room.letters == []


def test_an_answer_that_cannot_be_sent_is_the_fault_of_its_record() -> None:
    room = Room()
    room.processor.writes = Topic("out of partitions", "any", Any, Cleanup.DELETE, "a test", "a test", partitions=0)
    room.log.send([Outgoing(IN, "key", 1), Outgoing(IN, "key", 2)])
    room.settle()
    assert [letter.payload for letter in room.letters] == [b"1", b"2"]


# -- trouble -----------------------------------------------------------------------------------------------------------


class WeakConsumer(MemoryConsumer):
    """Raises what its log says, one error for each commit."""

    def __init__(
        self, ledger: Ledger, group: str, topics: Sequence[Topic], listener: RebalanceListener | None, refusals: list[Exception]
    ) -> None:
        super().__init__(ledger, group, topics, listener)
        self._refusals = refusals

    def commit(self, transaction: Transaction) -> None:
        if self._refusals:
            raise self._refusals.pop(0)
        super().commit(transaction)


class WeakLog(MemoryLog):
    """A log that refuses commits for a while."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        self.refusals: list[Exception] = []

    def consumer(
        self, group: str, topics: Sequence[Topic], listener: RebalanceListener | None = None, state: Topic | None = None
    ) -> MemoryConsumer:
        return WeakConsumer(self._ledger, group, topics, listener, self.refusals)


def weak_room(*refusals: Exception) -> Room:
    log = WeakLog(ManualClock().now)
    room = Room(log)
    log.refusals.extend(refusals)
    return room


def test_a_commit_that_is_refused_for_now_is_made_again_later_and_later() -> None:
    room = weak_room(*(Unavailable("away") for _ in range(9)))
    room.send(1)
    waits = []
    while not room.answers:
        assert room.loop.step()
        waits.append(room.loop.due_in() or 0)
        assert not room.loop.step()
        room.clock.advance(timedelta(seconds=waits[-1] + 1e-6))
    assert waits == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 0], abs=1e-6)
    assert room.processor.sum == 1


def test_after_a_success_trouble_is_new_again() -> None:
    room = weak_room(Unavailable("away"), Unavailable("away"))
    room.send(1)
    room.settle()
    assert isinstance(room.log, WeakLog)
    room.log.refusals.append(Unavailable("away"))
    room.send(2)
    room.loop.step()
    assert room.loop.due_in() == pytest.approx(0.05, abs=1e-6)


def test_a_processor_that_meets_trouble_gets_the_records_again() -> None:
    room = Room()
    room.processor.faults = [Unavailable("away")]
    room.send(1)
    room.settle()
    assert room.answers == [2]
    assert room.letters == []


def test_a_fatal_error_ends_the_loop() -> None:
    room = weak_room(Fatal("the topics are gone"))
    room.send(1)
    with pytest.raises(Fatal):
        room.loop.step()


class Slow(Doubler):
    """Somebody else joins while it works on its first batch."""

    def __init__(self, reads: Topic, join: Callable[[], None]) -> None:
        super().__init__(reads=reads)
        self._join = [join]

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        while self._join:
            self._join.pop()()
        return super().process(records, now)


def test_a_zombie_starts_anew_and_nothing_counts_twice() -> None:
    reads = topic("many", 4)
    clock = ManualClock()
    log = MemoryLog(clock.now)
    loops: list[Loop] = []
    zombie = Slow(reads, lambda: loops.append(Loop(Doubler(reads=reads), log, clock, no_bytes)))
    loops.append(Loop(zombie, log, clock, no_bytes))
    loops[0].step()
    log.send([Outgoing(reads, f"{number}", number) for number in range(20)])
    while sum(loop.step() for loop in tuple(loops)):
        pass
    assert zombie.events[:4] == ["assigned", "rolled back", "revoked", "assigned"]
    answers = [record.value for record in log.consumer("", (OUT,)).poll(100, 0)]
    assert sorted(answers) == [2 * number for number in range(20)]


# -- threads -----------------------------------------------------------------------------------------------------------


def watched(log: MemoryLog, reads: Topic, count: int) -> list[Any]:
    found: list[Any] = []
    consumer = log.consumer("", (reads,))
    while len(found) < count:
        found.extend(record.value for record in consumer.poll(100, 5))
    return found


def test_a_loop_in_a_thread_ends_after_its_step_and_leaves_the_group() -> None:
    log = MemoryLog(SystemClock().now)
    loop = Loop(Doubler(), log, SystemClock(), no_bytes)
    thread = loop.start("doubler")
    log.send((Outgoing(IN, "a", 1),))
    assert watched(log, OUT, 1) == [2]
    loop.stop()
    thread.join(5)
    assert not thread.is_alive()
    with closing(log.consumer("doubler", (IN,))) as heir:
        heir.poll(1, 0)
        assert heir.lag == 0


def chain(log: MemoryLog, length: int) -> list[Loop]:
    """Return loops that feed each other."""
    topics = [topic(f"chain-{place}") for place in range(length + 1)]
    clock = SystemClock()
    return [Loop(Doubler(f"g{place}", topics[place], topics[place + 1]), log, clock, no_bytes) for place in range(length)]


def test_loops_of_a_group_take_turns_in_one_thread() -> None:
    log = MemoryLog(SystemClock().now)
    group = LoopGroup(chain(log, 3))
    thread = group.start("all")
    for number in range(5):
        log.send((Outgoing(topic("chain-0"), "a", number),))
    assert watched(log, topic("chain-3"), 5) == [0, 8, 16, 24, 32]
    group.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_a_group_that_sleeps_wakes_for_a_timer() -> None:
    log, clock = MemoryLog(SystemClock().now), SystemClock()
    processor = Doubler()
    processor.at = clock.now() + timedelta(milliseconds=20)
    group = LoopGroup([Loop(processor, log, clock, no_bytes)])
    thread = group.start("all")
    assert watched(log, OUT, 1) == ["woken"]
    group.stop()
    thread.join(5)


def test_what_never_ran_leaves_its_groups_when_it_is_stopped() -> None:
    log = MemoryLog(SystemClock().now)
    loops = chain(log, 1)
    LoopGroup(loops).stop()
    with closing(log.consumer("g0", (topic("chain-0"),))) as heir:
        log.send((Outgoing(topic("chain-0"), "a", 1),))
        assert len(heir.poll(1, 0)) == 1


class Telling(Doubler):
    """Tells when it is rolled back."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = Event()

    def rolled_back(self) -> None:
        super().rolled_back()
        self.refused.set()


def test_a_loop_in_trouble_can_be_stopped() -> None:
    log = WeakLog(SystemClock().now)
    log.refusals.extend(Unavailable("away") for _ in range(1000))
    processor = Telling()
    loop = Loop(processor, log, SystemClock(), no_bytes)
    thread = loop.start("doubler")
    log.send((Outgoing(IN, "a", 1),))
    assert processor.refused.wait(5)
    loop.stop()
    thread.join(5)
    assert not thread.is_alive()


class Quiet:
    """A consumer that wakes nobody, as that of a log on another machine."""

    def __init__(self) -> None:
        self.polled = Event()
        self.wakes = 0

    def poll(self, max_records: int, timeout: float) -> Sequence[Record]:
        self.polled.set()
        return ()

    def commit(self, transaction: Transaction) -> None:
        """Nothing to do."""

    def rewind(self) -> None:
        """Nothing to do."""

    def wake(self) -> None:
        """Count."""
        self.wakes += 1

    def close(self) -> None:
        """Nothing to do."""


def test_a_consumer_that_wakes_nobody_is_refused() -> None:
    loop = Room().loop
    loop.consumer = Quiet()
    with pytest.raises(TypeError, match="a thread of its own"):
        LoopGroup([loop])


def test_a_loop_that_stops_wakes_its_consumer() -> None:
    loop = Room().loop
    loop.consumer = consumer = Quiet()
    thread = loop.start("quiet")
    assert consumer.polled.wait(5)
    loop.stop()
    thread.join(5)
    assert consumer.wakes == 1
