"""The worker as a whole: jobs in, ends out, nothing left behind."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from kestra_stream.errors import Unavailable
from kestra_stream.models.execution_input import ChildTaskRunReported, TaskRunEnded, TaskRunStarted
from kestra_stream.models.messages import KillRequest, ServiceHeartbeat, ServiceState
from kestra_stream.models.property import Property
from kestra_stream.models.retry import ConstantRetry
from kestra_stream.models.state import StateType
from kestra_stream.models.task import Task
from kestra_stream.plugin.api import RunContext, TaskFailed
from kestra_stream.queue.interface import Outgoing
from kestra_stream.topics import KILL
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.processor import Worker
from tests.unit.worker.doubles import Does, JobLine, KeptLog, Together, eventually, flow_of, job, services

S = StateType
LIMITS = WorkerLimits(slots=4, interrupt_after=0.1, abandon_after=0.3, cleanup_time=2.0)


class Bench:
    """A running worker with its surroundings."""

    def __init__(self) -> None:
        self.log = KeptLog()
        self.line = JobLine()
        self.flow = flow_of(Does(id="none"))
        self.services = services()
        self.worker = Worker(self.log, self.line, lambda *_: self.flow, self.services, "w1", LIMITS)

    def does(self, **works: Callable[[RunContext], Any]) -> None:
        """Start the worker with tasks that do this."""
        Does.works.update(works)
        self.run(*(Does(id=name) for name in works))

    def run(self, *tasks: Task) -> None:
        """Start the worker with these tasks."""
        self.flow = flow_of(*tasks)
        self.worker.start()

    def kill(self, **request: Any) -> None:
        """Send a kill request."""
        self.log.send([Outgoing(KILL, "e1", KillRequest("e1", **request))])


@pytest.fixture
def bench() -> Iterator[Bench]:
    before = set(threading.enumerate())
    bench = Bench()
    yield bench
    bench.worker.stop(drain=5)
    assert eventually(lambda: set(threading.enumerate()) <= before), set(threading.enumerate()) - before


def test_a_worker_that_stops_does_not_wait_for_a_kill(bench: Bench) -> None:
    bench.does(a=lambda _: None)
    assert eventually(lambda: bool(bench.log.values(ServiceHeartbeat)))
    bench.worker.stop()
    assert bench.log.wakes == 1


def test_a_short_job_sends_one_record_and_is_accepted_after_it(bench: Bench) -> None:
    bench.does(a=lambda _: {"value": 1})
    bench.line.offer(job("a"))
    (ended,) = bench.log.ended()
    assert (ended.state, ended.outputs, ended.error, ended.epoch, ended.worker_id) == (S.SUCCESS, {"value": 1}, None, 1, "w1")
    assert eventually(lambda: bench.line.accepted == ["lease-run-1"])
    assert bench.log.values(TaskRunStarted) == []


def test_a_long_job_is_announced_then_accepted_and_held(bench: Bench) -> None:
    go = threading.Event()
    bench.does(a=lambda _: go.wait(20) and None)
    bench.line.offer(job("a"))
    (started,) = bench.log.wait(TaskRunStarted)
    assert (started.task_run_id, started.worker_id) == ("run-1", "w1")
    assert eventually(lambda: bench.line.accepted == ["lease-run-1"])
    assert bench.log.values(ServiceHeartbeat)[0].state is ServiceState.RUNNING
    go.set()
    (ended,) = bench.log.ended()
    assert ended.started_at == started.at
    assert bench.line.accepted == ["lease-run-1"]


def test_a_slow_job_blocks_nobody_while_there_is_a_slot(bench: Bench) -> None:
    go = threading.Event()
    bench.does(slow=lambda _: go.wait(20) and None, fast=lambda _: None)
    begun = time.monotonic()
    bench.line.offer(job("slow", 1), job("slow", 2), job("slow", 3), *(job("fast", n) for n in range(4, 12)))
    bench.log.ended(8)
    assert time.monotonic() - begun < 1
    go.set()
    assert len(bench.log.ended(11)) == 11


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (ValueError("bad"), "ValueError: bad"),
        (SystemExit(3), "SystemExit: 3"),
        (RecursionError("deep"), "RecursionError: deep"),
        (MemoryError(), "The task ran out of memory"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_whatever_a_plugin_raises_costs_its_attempt_only(bench: Bench, problem: BaseException, message: str) -> None:
    def fail(_: RunContext) -> None:
        raise problem

    bench.does(bad=fail, good=lambda _: None)
    bench.line.offer(job("bad", 1), job("good", 2))
    ended = {end.task_run_id: end for end in bench.log.ended(2)}
    assert (ended["run-1"].state, ended["run-1"].error) == (S.FAILED, message)
    assert ended["run-2"].state is S.SUCCESS
    assert message in bench.log.lines()


def test_a_failure_keeps_the_outputs_that_it_brings(bench: Bench) -> None:
    def fail(_: RunContext) -> None:
        raise TaskFailed("no", {"exitCode": 1})

    bench.does(a=fail)
    bench.line.offer(job("a"))
    (ended,) = bench.log.ended()
    assert (ended.state, ended.outputs, ended.error) == (S.FAILED, {"exitCode": 1}, "no")


def test_a_kill_ends_what_runs(bench: Bench) -> None:
    bench.does(sleepy=lambda context: context.sleep(timedelta(minutes=1)), busy=_burn)
    bench.line.offer(job("sleepy", 1), job("busy", 2))
    bench.log.wait(TaskRunStarted, 2)
    bench.kill()
    assert [end.state for end in bench.log.ended(2)] == [S.KILLED, S.KILLED]


def test_a_killed_dispatch_that_comes_later_is_not_run_but_a_newer_one_is(bench: Bench) -> None:
    bench.does(a=lambda _: {"ran": True})
    bench.kill(task_run_id="run-1", epoch=1)
    assert eventually(lambda: bench.worker._kills.covers(job("a")))  # noqa: SLF001
    bench.line.offer(job("a", 1, epoch=1), job("a", 1, epoch=2))
    ended = {end.epoch: end for end in bench.log.ended(2)}
    assert (ended[1].state, ended[1].outputs) == (S.KILLED, None)
    assert (ended[2].state, ended[2].outputs) == (S.SUCCESS, {"ran": True})


def test_a_thread_that_never_listens_is_given_up_and_its_slot_is_filled_anew(bench: Bench) -> None:
    deaf = threading.Event()
    bench.does(deaf=lambda _: deaf.wait(20) and None, good=lambda _: {"ok": 1})
    bench.line.offer(*(job("deaf", n) for n in range(4)))
    bench.log.wait(TaskRunStarted, 4)
    bench.kill()
    assert [end.state for end in bench.log.ended(4)] == [S.KILLED] * 4
    bench.line.offer(job("good", 9, execution_id="e2"))
    assert bench.log.ended(5)[-1].outputs == {"ok": 1}
    deaf.set()
    bench.worker.stop()
    assert len(bench.log.ended(5)) == 5  # the deaf ones come back and tell nothing


def test_a_timeout_fails_the_attempt(bench: Bench) -> None:
    Does.works["a"] = lambda context: context.sleep(timedelta(minutes=1))
    bench.run(Does(id="a", timeout=Property.of("PT0.1S", timedelta)))
    bench.line.offer(job("a"))
    (ended,) = bench.log.ended()
    assert (ended.state, ended.error) == (S.FAILED, "Timeout after PT0.1S")
    assert bench.log.lines() == ["Timeout after PT0.1S"]


def test_what_the_log_does_not_take_now_is_sent_later(bench: Bench) -> None:
    bench.does(a=lambda _: None)
    bench.log.refuse = Unavailable("away")
    bench.line.offer(job("a"))
    assert bench.log.refused.wait(10)
    assert bench.line.accepted == []
    bench.log.refuse = None
    bench.log.ended()
    assert eventually(lambda: bench.line.accepted == ["lease-run-1"])


def test_a_job_whose_lease_went_elsewhere_is_stopped_and_tells_nothing(bench: Bench) -> None:
    ended = threading.Event()

    def work(context: RunContext) -> None:
        try:
            context.sleep(timedelta(minutes=1))
        finally:
            ended.set()

    bench.line.accepts = False
    bench.does(a=work)
    bench.line.offer(job("a"))
    assert ended.wait(5)
    bench.worker.stop()
    assert bench.log.values(type(None)) == []


def test_a_drain_lets_running_jobs_end_and_gives_the_others_back(bench: Bench) -> None:
    go = threading.Event()
    bench.does(a=lambda _: go.wait(20) and None)
    bench.line.offer(*(job("a", n) for n in range(4)))
    bench.log.wait(TaskRunStarted, 4)
    threading.Timer(0.1, go.set).start()
    bench.worker.stop()
    assert len(bench.log.ended(4)) == 4
    assert bench.log.values(ServiceHeartbeat)[-1].state is ServiceState.TERMINATED


def drained_while_the_log_is_away(bench: Bench) -> threading.Thread:
    """Let a job run that the log has not heard of, and tell the worker to end; return the thread that waits for it."""
    bench.does(a=lambda context: context.sleep(timedelta(minutes=1)))
    bench.log.refuse = Unavailable("away")
    bench.line.offer(job("a"))
    assert bench.log.refused.wait(10)
    stop = threading.Thread(target=bench.worker.stop, args=(20.0,))
    stop.start()
    return stop


def test_a_drain_waits_until_the_log_has_heard_what_runs_before_the_rest_goes_back(bench: Bench) -> None:
    stop = drained_while_the_log_is_away(bench)
    bench.log.refused.clear()
    assert bench.log.refused.wait(10)
    bench.log.refuse = None
    assert eventually(lambda: bench.line.accepted == ["lease-run-1"])
    bench.worker.hurry()
    stop.join()
    assert (bench.line.left, bench.line.released) == ([], [])
    assert bench.log.values(ServiceHeartbeat)[-1].held == (("e1", "run-1", 1),)


def test_what_the_log_never_heard_of_goes_back_by_its_lease_and_is_not_held(bench: Bench) -> None:
    stop = drained_while_the_log_is_away(bench)
    bench.worker.hurry()
    assert eventually(lambda: bench.line.released == ["lease-run-1"])
    bench.log.refuse = None
    stop.join()
    assert bench.log.values(ServiceHeartbeat)[-1].held == ()


def test_a_job_that_comes_in_the_moment_of_the_end_is_given_back_and_not_run(bench: Bench) -> None:
    bench.does(a=lambda _: None)
    bench.worker.stop()
    bench.line.offer(job("a"))
    (lease,) = bench.worker._leases.take(1, 0)  # noqa: SLF001 - what the taker had asked for a moment before
    bench.worker._work(lease)  # noqa: SLF001 - the slot that it was handed to
    assert bench.line.released == ["lease-run-1"]
    assert bench.line.accepted == []
    assert bench.log.values(TaskRunEnded) == []


def test_lines_of_a_long_job_are_seen_while_it_runs(bench: Bench) -> None:
    go = threading.Event()

    def work(context: RunContext) -> None:
        context.logger.info("early")
        go.wait(20)

    bench.does(a=work)
    bench.line.offer(job("a"))
    assert eventually(lambda: bench.log.lines() == ["early"])
    go.set()


def test_children_share_a_directory_and_are_told_one_by_one(bench: Bench) -> None:
    tries = iter([ValueError("once"), None])

    def second(context: RunContext) -> Any:
        problem = next(tries)
        if problem:
            raise problem
        return {"saw": context.working_directory.resolve("one.txt").read_text(), "outputs": context.variables["outputs"]["one"]}

    Does.works.update(one=lambda c: {"path": str(c.working_directory.write("one.txt", b"1"))}, two=second, off=_burn, skip=_burn)
    children = (
        Does(id="one"),
        Does(id="off", disabled=True),
        Does(id="skip", run_if=False),
        Does(id="two", retry=ConstantRetry(type="constant", interval=timedelta(0), max_attempts=3)),
    )
    bench.run(Together(id="wd", tasks=children))
    bench.line.offer(job("wd", value="v"))
    (ended,) = bench.log.ended()
    assert (ended.state, ended.outputs) == (S.SUCCESS, {"files": ["one.txt", "prepared.txt"]})
    one, skip, two = ended.task_runs
    assert [run.state.current for run in ended.task_runs] == [S.SUCCESS, S.SKIPPED, S.SUCCESS]
    assert [attempt.state.current for attempt in two.attempts] == [S.FAILED, S.SUCCESS]
    assert two.outputs == {"saw": "1", "outputs": {"v": one.outputs}}
    reports = [(r.task_run.task_id, r.task_run.state.current) for r in bench.log.values(ChildTaskRunReported)]
    assert reports == [("one", S.RUNNING), ("one", S.SUCCESS), ("skip", S.SKIPPED), ("two", S.RUNNING), ("two", S.SUCCESS)]
    assert skip.parent_id == "run-1"


def test_the_first_failed_child_stops_the_rest_and_a_kill_ends_all(bench: Bench) -> None:
    def fail(_: RunContext) -> None:
        raise TaskFailed("no")

    Does.works.update(bad=fail, never=_burn, soft=fail, sleepy=lambda c: c.sleep(timedelta(minutes=1)))
    bench.run(
        Together(id="wd", tasks=(Does(id="soft", allow_failure=True), Does(id="bad"), Does(id="never"))),
        Together(id="kill", tasks=(Does(id="sleepy"),)),
    )
    bench.line.offer(job("wd", 1))
    (ended,) = bench.log.ended()
    assert [(run.task_id, run.state.current) for run in ended.task_runs] == [("soft", S.WARNING), ("bad", S.FAILED)]
    assert ended.state is S.FAILED
    bench.line.offer(job("kill", 2, execution_id="e1"))
    bench.log.wait(TaskRunStarted)
    bench.kill()
    assert bench.log.ended(2)[-1].task_runs[0].state.current is S.KILLED


def _burn(_: RunContext) -> None:
    while True:
        pass


def test_the_heartbeat_that_guards_a_long_job_goes_ahead_of_its_start(bench: Bench) -> None:
    go = threading.Event()
    bench.does(a=lambda _: go.wait(20) and None)
    bench.line.offer(job("a"))
    bench.log.wait(TaskRunStarted)
    told = [record.value for record in bench.log.records]
    place = next(place for place, value in enumerate(told) if isinstance(value, TaskRunStarted))
    assert any(isinstance(value, ServiceHeartbeat) and value.held == (("e1", "run-1", 1),) for value in told[:place])
    go.set()
    bench.log.ended()


def test_what_a_worker_still_holds_at_its_end_is_named_in_its_last_heartbeat(bench: Bench) -> None:
    bench.does(busy=_burn)
    bench.line.offer(job("busy"))
    bench.log.wait(TaskRunStarted)
    bench.worker.stop(drain=0)
    last = bench.log.values(ServiceHeartbeat)[-1]
    assert (last.state, last.held) == (ServiceState.TERMINATED, (("e1", "run-1", 1),))
    assert bench.log.values(TaskRunEnded) == []
