"""What the memory log promises beyond the contract: bounded memory, cheap waits, listeners that may use the log."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Lock
from typing import Any

import pytest

from kestra_stream.errors import Fenced, Unavailable
from kestra_stream.models.messages import LookupJob
from kestra_stream.queue.interface import Outgoing, State, TopicPartition, Transaction
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.testing.clock import ManualClock
from kestra_stream.testing.contracts.wire import Listener, changes
from kestra_stream.topics import WORKER_JOB, Cleanup, Topic


def topic(cleanup: Cleanup = Cleanup.DELETE, partitions: int = 1, name: str = "numbers") -> Topic:
    return Topic(name, "any", str, cleanup, "a test", "a test", partitions)


def log(**arguments: Any) -> MemoryLog:
    return MemoryLog(ManualClock().now, **arguments)


def fill(log: MemoryLog, topic: Topic, count: int, keys: int = 10) -> None:
    for number in range(count):
        log.send((Outgoing(topic, f"{number % keys}", f"{number}"),))


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_records_go_once_every_group_has_committed_them() -> None:
    numbers, kept = topic(), log()
    quick, slow = kept.consumer("quick", (numbers,)), kept.consumer("slow", (numbers,))
    fill(kept, numbers, 5_000)
    while quick.poll(500, 0):
        quick.commit(Transaction())
    assert kept.kept(numbers) == 5_000
    while slow.poll(500, 0):
        slow.commit(Transaction())
    assert kept.kept(numbers) < 200


def test_memory_does_not_grow_with_what_was_read() -> None:
    numbers, kept = topic(partitions=4), log()
    consumer = kept.consumer("group", (numbers,))
    most = 0
    for _ in range(300):
        fill(kept, numbers, 20)
        assert len(consumer.poll(500, 0)) == 20
        consumer.commit(Transaction())
        most = max(most, kept.kept(numbers))
    assert most < 4 * 140


def test_a_topic_that_nobody_reads_keeps_its_newest_records() -> None:
    numbers, kept = topic(), log(long_retention=100)
    fill(kept, numbers, 1_000)
    assert 100 <= kept.kept(numbers) <= 200
    late = kept.consumer("late", (numbers,)).poll(1_000, 0)
    assert late[-1].value == "999"
    assert late[0].offset == 1_000 - len(late)


def test_a_long_topic_keeps_its_newest_records_after_they_were_read() -> None:
    numbers, kept = topic(Cleanup.LONG), log(long_retention=100)
    consumer = kept.consumer("group", (numbers,))
    for _ in range(10):
        fill(kept, numbers, 100)
        consumer.poll(500, 0)
        consumer.commit(Transaction())
    assert 100 <= kept.kept(numbers) <= 200


def test_a_long_topic_loses_nothing_that_a_group_has_not_read() -> None:
    numbers, kept = topic(Cleanup.LONG), log(long_retention=100)
    consumer = kept.consumer("group", (numbers,))
    fill(kept, numbers, 3_000)
    assert len(consumer.poll(10_000, 0)) == 3_000


def test_a_follower_that_sleeps_does_not_fill_the_memory_with_history() -> None:
    numbers, kept = topic(Cleanup.LONG), log(long_retention=100)
    kept.consumer("~follower", (numbers,))
    fill(kept, numbers, 3_000)
    assert kept.kept(numbers) <= 200


def test_a_table_keeps_one_record_a_key() -> None:
    table, kept = topic(Cleanup.COMPACT), log()
    fill(kept, table, 10_000, keys=50)
    assert kept.kept(table) <= 2 * 50 + 64


def test_a_forgotten_group_pins_nothing() -> None:
    numbers, kept = topic(), log(long_retention=10)
    staying, leaving = kept.consumer("group", (numbers,)), kept.consumer("~reader", (numbers,))
    leaving.close()
    fill(kept, numbers, 1_000)
    staying.poll(1_000, 0)
    staying.commit(Transaction())
    assert kept.kept(numbers) < 100


# -- partitions and groups ---------------------------------------------------------------------------------------------


def test_partitions_can_be_set() -> None:
    listener = Listener()
    kept = log(partitions={"numbers": 3})
    kept.consumer("group", (topic(partitions=16),), listener).poll(1, 0)
    assert listener.owned == {TopicPartition("numbers", number) for number in range(3)}


def test_members_read_the_same_topics() -> None:
    kept = log()
    kept.consumer("group", (topic(),))
    with pytest.raises(ValueError, match="must read the same"):
        kept.consumer("group", (topic(name="other"),))


def test_a_rebalance_moves_no_more_than_it_must() -> None:
    numbers, kept = topic(partitions=12), log(incremental=True)
    listeners = [Listener(), Listener(), Listener()]
    members = []
    for listener in listeners:
        members.append(kept.consumer("group", (numbers,), listener))
        before = [earlier.owned for earlier in listeners]
        for member in members:
            member.poll(1, 0)
        assert all(earlier.owned <= owned for earlier, owned in zip(listeners, before, strict=True) if earlier is not listener)
    assert [len(listener.owned) for listener in listeners] == [4, 4, 4]


def test_an_incremental_rebalance_leaves_the_batch_of_what_stays() -> None:
    numbers, kept = topic(partitions=2), log(incremental=True)
    kept.send([Outgoing(numbers, f"{number}", f"{number}") for number in range(20)])
    first = kept.consumer("group", (numbers,))
    first.poll(100, 0)
    first.commit(Transaction())
    newcomer = kept.consumer("group", (numbers,))
    kept.send([Outgoing(numbers, f"{number}", "again") for number in range(20)])
    mine = first.poll(100, 0)
    leaver = kept.consumer("group", (numbers,))
    first.commit(Transaction())
    leaver.close()
    assert 0 < len(mine) < 20
    assert len(newcomer.poll(100, 0)) == 20 - len(mine)
    assert first.poll(100, 0) == []


def test_an_eager_rebalance_takes_all_and_gives_the_state_again() -> None:
    numbers, kept, listener = topic(partitions=2), log(), Listener()
    first = kept.consumer("group", (numbers,), listener)
    first.poll(1, 0)
    first.commit(changes(*((f"{number}", "", "x") for number in range(20))))
    second = Listener()
    kept.consumer("group", (numbers,), second).poll(1, 0)
    first.poll(1, 0)
    assert listener.history == ["assigned", "revoked", "assigned"]
    assert set(listener.state) | set(second.state) == {f"{number}" for number in range(20)}
    assert not set(listener.state) & set(second.state)


def test_a_partition_that_went_and_came_back_between_two_polls_is_another_assignment() -> None:
    numbers, kept = topic(partitions=2), log(incremental=True)
    kept.send([Outgoing(numbers, f"{number}", "x") for number in range(20)])
    first = kept.consumer("group", (numbers,))
    assert len(first.poll(100, 0)) == 20
    kept.consumer("group", (numbers,)).close()
    with pytest.raises(Fenced):
        first.commit(Transaction())
    again = len(first.poll(100, 0))
    assert 0 < again < 20
    first.commit(Transaction())


def test_a_partition_that_is_always_full_starves_no_other() -> None:
    numbers, kept = topic(partitions=2), log()
    consumer = kept.consumer("group", (numbers,))
    seen: Counter[int] = Counter()
    kept.send([Outgoing(numbers, f"{number % 20}", "x") for number in range(100)])
    for _ in range(4):
        seen.update(record.partition for record in consumer.poll(5, 0))
    assert len(seen) == 2


def test_a_reader_without_a_group_can_send_and_rewind() -> None:
    numbers, kept = topic(), log()
    reader = kept.consumer("", (numbers,))
    fill(kept, numbers, 2)
    assert len(reader.poll(10, 0)) == 2
    reader.rewind()
    assert len(reader.poll(10, 0)) == 2
    reader.commit(Transaction([Outgoing(numbers, "a", "own")]))
    reader.rewind()
    assert [record.value for record in reader.poll(10, 0)] == ["own"]
    reader.close()
    assert reader.poll(10, 0) == ()


def test_lag_counts_what_waits() -> None:
    numbers, kept = topic(), log()
    consumer = kept.consumer("group", (numbers,))
    consumer.poll(1, 0)
    fill(kept, numbers, 5)
    assert consumer.lag == 5
    consumer.poll(2, 0)
    assert consumer.lag == 3


# -- time and threads --------------------------------------------------------------------------------------------------


def test_timestamps_never_fall_even_when_the_clock_does() -> None:
    clock, numbers = ManualClock(), topic()
    kept = MemoryLog(clock.now)
    fill(kept, numbers, 1)
    clock.advance(timedelta(seconds=-5))
    fill(kept, numbers, 1)
    first, second = kept.consumer("group", (numbers,)).poll(2, 0)
    assert second.timestamp == first.timestamp


def test_only_the_owner_of_a_partition_is_woken() -> None:
    numbers, kept = topic(partitions=2), log()
    woken: Counter[int] = Counter()
    notes: list[Callable[[], None]] = [lambda: woken.update([0]), lambda: woken.update([1])]
    members = [kept.consumer("group", (numbers,)) for _ in range(2)]
    for member, note in zip(members, notes, strict=True):
        member.poll(1, 0)
        member.on_wake(note)
    kept.send((Outgoing(numbers, "a", "x"), Outgoing(numbers, "a", "y")))
    kept.send((Outgoing(numbers, "a", "z"),))
    assert woken.total() == 1
    (place,) = woken
    assert len(members[place].poll(10, 0)) == 3


class Asking:
    """A listener that needs a lock which another thread holds while it uses the log."""

    def __init__(self, lock: Lock, entered: Event) -> None:
        self._lock, self._entered = lock, entered
        self.was_told = False

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        self._entered.set()
        with self._lock:
            self.was_told = True

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Nothing to do."""


def test_a_listener_may_wait_for_a_thread_that_uses_the_log() -> None:
    numbers, kept, lock, entered = topic(), log(), Lock(), Event()
    listener = Asking(lock, entered)
    consumer = kept.consumer("group", (numbers,), listener)
    with ThreadPoolExecutor(1) as pool:
        with lock:
            polling = pool.submit(consumer.poll, 1, 0)
            assert entered.wait(5)
            fill(kept, numbers, 1)
        assert polling.result(5) is not None
    assert listener.was_told


def test_a_closed_log_takes_nothing_more() -> None:
    numbers, kept = topic(), log()
    consumer = kept.consumer("group", (numbers,))
    kept.close()
    assert kept.is_closed
    assert consumer.poll(1, 60) == ()
    with pytest.raises(Unavailable):
        fill(kept, numbers, 1)
    with pytest.raises(Unavailable):
        consumer.commit(Transaction())


# -- jobs --------------------------------------------------------------------------------------------------------------


def job(name: str, group: str | None = None) -> Outgoing:
    return Outgoing(WORKER_JOB, name, LookupJob(name, "a.namespace", "flow", 1, name, (), worker_group=group))


def test_jobs_are_handed_out_oldest_first_and_come_back_in_front() -> None:
    kept = log()
    kept.send([job(name) for name in "abcd"])
    leaving, staying = kept.work_queue(), kept.work_queue()
    assert [lease.job.lookup_id for lease in leaving.take(3, 0)] == ["a", "b", "c"]
    assert staying.waiting == 1
    leaving.close()
    assert [lease.job.lookup_id for lease in staying.take(9, 0)] == ["a", "b", "c", "d"]


def test_a_lease_ends_by_the_clock() -> None:
    clock = ManualClock()
    kept = MemoryLog(clock.now, lease_seconds=30)
    kept.send([job("a")])
    hanging, free = kept.work_queue(), kept.work_queue()
    (lease,) = hanging.take(1, 0)
    assert lease.expires_at == clock.now() + timedelta(seconds=30)
    clock.advance(timedelta(seconds=29))
    assert free.take(1, 0) == []
    clock.advance(timedelta(seconds=1))
    assert [again.deliveries for again in free.take(1, 0)] == [2]
    assert not hanging.accept(lease)


def test_a_job_that_cannot_be_placed_spoils_the_whole_send() -> None:
    numbers, kept = topic(), log()
    with pytest.raises(AttributeError):
        kept.send([Outgoing(numbers, "a", "x"), Outgoing(WORKER_JOB, "b", "no job")])
    assert kept.kept(numbers) == 0


def test_the_job_topic_holds_records_only_when_somebody_reads_it() -> None:
    kept = log()
    kept.send([job("a")])
    assert kept.kept(WORKER_JOB) == 0
    watcher = kept.consumer("watcher", (WORKER_JOB,))
    kept.send([job("b")])
    assert [record.key for record in watcher.poll(10, 0)] == ["b"]
    assert kept.work_queue().waiting == 2


def test_closing_the_log_ends_a_take_that_waits() -> None:
    kept = log()
    queue = kept.work_queue()
    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(queue.take, 1, 60)
        kept.close()
        assert taking.result(5) == []


def test_a_member_that_is_closed_while_it_waits_returns_with_nothing() -> None:
    kept, entered = log(), Event()
    consumer = kept.consumer("group", (topic(),), Asking(Lock(), entered))
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(consumer.poll, 1, 60)
        assert entered.wait(5)
        consumer.close()
        assert polling.result(5) == ()
