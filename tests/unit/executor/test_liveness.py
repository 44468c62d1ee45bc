"""A silent worker is noticed, once, and what it held comes back; nobody is taken for dead because the watcher itself slept."""

from datetime import timedelta
from typing import Any

from kestra_stream.executor.liveness import LOOKS, Liveness
from kestra_stream.models.execution_input import WorkerLost
from kestra_stream.models.messages import KillRequest, ServiceHeartbeat, ServiceState
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.queue.serde import to_bytes
from kestra_stream.runtime.loop import Loop
from kestra_stream.testing.clock import ManualClock
from kestra_stream.topics import EXECUTION_INBOX, KILL, SERVICE

TIMEOUT = timedelta(seconds=40)
BEAT = timedelta(seconds=3)
HELD = (("e1", "r1", 2), ("e2", "r2", 1))


class Watch:
    """The processor on a log, with a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = MemoryLog(self.clock.now)
        self._told = self.log.consumer("~told", (EXECUTION_INBOX, KILL, SERVICE))
        self.join()

    def join(self) -> None:
        """A member of the group comes."""
        self.loop = Loop(Liveness(TIMEOUT), self.log, self.clock, lambda record: to_bytes(record.value))

    def beat(self, service_id: str = "w1", held: Any = HELD, state: ServiceState = ServiceState.RUNNING, kind: str = "WORKER") -> None:
        """A service says that it lives."""
        self.log.send([Outgoing(SERVICE, service_id, ServiceHeartbeat(service_id, kind, state, self.clock.now(), tuple(held)))])
        self.settle()

    def settle(self) -> None:
        """Let the processor do what is due now."""
        while self.loop.step():
            pass

    def wait(self, time: timedelta) -> None:
        """Let time pass, and the processor do what is due on the way."""
        end = self.clock.now() + time
        while (at := self.loop.processor.wake_at()) is not None and at <= end:
            self.clock.advance_to(max(at, self.clock.now()))
            self.settle()
        self.clock.advance_to(end)

    def told(self) -> list[Any]:
        """What was sent to executions and workers since the last question."""
        return [record.value for record in self._told.poll(1000, 0) if record.topic != SERVICE.name]


def lost(*held: tuple[str, str, int]) -> list[Any]:
    return [one for run in held for one in (WorkerLost(run[1], run[2]), KillRequest(run[0], run[1], run[2]))]


def in_any_order(told: list[Any]) -> set[str]:
    return {repr(one) for one in told}


def test_a_worker_that_is_silent_for_too_long_loses_what_it_held_once() -> None:
    watch = Watch()
    watch.beat()
    watch.wait(TIMEOUT - timedelta(seconds=1))
    assert watch.told() == []
    watch.wait(timedelta(seconds=2))
    assert in_any_order(watch.told()) == in_any_order(lost(*HELD))
    watch.wait(10 * TIMEOUT)
    assert watch.told() == []
    assert watch.loop.processor.wake_at() is None


def test_a_worker_that_beats_is_left_alone() -> None:
    watch = Watch()
    for _ in range(100):
        watch.beat()
        watch.wait(BEAT)
    assert watch.told() == []


def test_the_newest_heartbeat_says_what_is_held() -> None:
    watch = Watch()
    watch.beat()
    watch.beat(held=(("e3", "r3", 7),))
    watch.wait(2 * TIMEOUT)
    assert in_any_order(watch.told()) == in_any_order(lost(("e3", "r3", 7)))


def test_a_worker_that_has_handed_everything_back_is_forgotten() -> None:
    watch = Watch()
    watch.beat()
    watch.beat(held=(), state=ServiceState.TERMINATED)
    watch.wait(2 * TIMEOUT)
    assert watch.told() == []


def test_a_worker_that_ends_with_jobs_in_its_hands_loses_them_at_once() -> None:
    watch = Watch()
    watch.beat()
    watch.beat(state=ServiceState.TERMINATED)
    assert in_any_order(watch.told()) == in_any_order(lost(*HELD))
    watch.wait(2 * TIMEOUT)
    assert watch.told() == []


def test_a_heartbeat_that_comes_after_all_makes_the_worker_known_again() -> None:
    watch = Watch()
    watch.beat()
    watch.wait(2 * TIMEOUT)
    watch.told()
    watch.beat(held=(("e1", "r1", 3),))
    watch.wait(TIMEOUT / 2)
    assert watch.told() == []
    watch.wait(TIMEOUT)
    assert in_any_order(watch.told()) == in_any_order(lost(("e1", "r1", 3)))


def test_a_worker_is_not_guilty_of_the_time_that_the_watcher_slept() -> None:
    watch = Watch()
    watch.beat()
    watch.clock.advance(100 * TIMEOUT)
    watch.settle()
    watch.beat()
    watch.wait(BEAT)
    assert watch.told() == []


def test_a_new_member_of_the_group_knows_the_workers_and_counts_from_its_own_start() -> None:
    watch = Watch()
    watch.beat()
    watch.wait(TIMEOUT - timedelta(seconds=1))
    watch.loop.consumer.close()
    watch.join()
    watch.settle()
    watch.wait(TIMEOUT - timedelta(seconds=1))
    assert watch.told() == []
    watch.wait(TIMEOUT / LOOKS)
    assert in_any_order(watch.told()) == in_any_order(lost(*HELD))


def test_two_workers_are_told_apart() -> None:
    watch = Watch()
    watch.beat("w1", HELD[:1])
    watch.beat("w2", HELD[1:])
    for _ in range(40):
        watch.beat("w2", HELD[1:])
        watch.wait(BEAT)
    assert in_any_order(watch.told()) == in_any_order(lost(HELD[0]))


def test_services_that_run_no_jobs_are_none_of_its_business() -> None:
    watch = Watch()
    watch.beat(kind="EXECUTOR")
    assert watch.loop.processor.wake_at() is None
