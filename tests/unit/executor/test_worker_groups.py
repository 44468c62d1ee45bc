"""Tasks of a worker group go to its workers; when none lives, the group's fallback decides, where the state is checked."""

from collections.abc import Sequence

import pytest

from kestra_stream.engine.rules.dispatch import LOOK
from kestra_stream.models import execution_input as i
from kestra_stream.models.messages import ServiceHeartbeat, ServiceState
from kestra_stream.models.state import S, StateType
from kestra_stream.queue.interface import Lease, Outgoing
from kestra_stream.testing.driver import Driver
from kestra_stream.topics import KILL, SERVICE
from kestra_stream.worker.pool.kills import Kills

FLOW = """
id: grouped
namespace: tests.groups
tasks:
  - {{id: first, type: io.kestra.plugin.core.debug.Return, format: x, workerGroup: {{key: gpu, fallback: {fallback}}}}}
  - {{id: second, type: io.kestra.plugin.core.debug.Return, format: y}}
"""


def driver(fallback: str, worker: ServiceState | None = None) -> Driver:
    found = Driver(FLOW.format(fallback=fallback))
    if worker is not None:
        beat(found, ServiceState.RUNNING)
        beat(found, worker)
    return found


def beat(driver: Driver, state: ServiceState) -> None:
    heartbeat = ServiceHeartbeat("a worker", "WORKER", state, driver.clock.now(), (), "gpu")
    driver.log.send((Outgoing(SERVICE, "a worker", heartbeat),))


def run(driver: Driver) -> str:
    execution_id = driver.create("grouped")
    for _ in range(50):
        driver.turn()
    return execution_id


def jobs(driver: Driver) -> Sequence[Lease]:
    return driver.log.work_queue("gpu").take(5, 0)


def states(driver: Driver, execution_id: str) -> dict[str, StateType]:
    head = driver.repository.executions.get(execution_id)
    assert head is not None
    runs = driver.repository.executions.task_runs(execution_id)
    return {run.task_id: run.state.current for run in runs} | {"": head.state.current}


@pytest.mark.parametrize("fallback", ["WAIT", "FAIL", "CANCEL"])
def test_a_worker_of_the_group_that_lives_gets_the_job(fallback: str) -> None:
    driven = driver(fallback, ServiceState.RUNNING)
    execution_id = run(driven)
    (lease,) = jobs(driven)
    assert lease.job.task_id == "first"
    assert states(driven, execution_id)["first"] is S.CREATED


@pytest.mark.parametrize("worker", [None, ServiceState.TERMINATING, ServiceState.TERMINATED])
@pytest.mark.parametrize(("fallback", "ends"), [("FAIL", S.FAILED), ("CANCEL", S.CANCELLED)])
def test_without_a_worker_the_run_ends_as_the_fallback_says(fallback: str, ends: StateType, worker: ServiceState | None) -> None:
    driven = driver(fallback, worker)
    execution_id = run(driven)
    assert states(driven, execution_id) == {"first": ends, "": ends}
    assert not jobs(driven)


@pytest.mark.parametrize("service", [ServiceState.TERMINATING, ServiceState.TERMINATED])
@pytest.mark.parametrize(("fallback", "ends"), [("FAIL", S.FAILED), ("CANCEL", S.CANCELLED)])
def test_a_job_whose_group_loses_its_last_worker_while_it_waits_ends_as_the_fallback_says(
    fallback: str, ends: StateType, service: ServiceState
) -> None:
    driven = driver(fallback, ServiceState.RUNNING)
    execution_id = run(driven)
    driven.settle(wait=LOOK)
    assert states(driven, execution_id)["first"] is S.CREATED
    beat(driven, service)
    driven.settle(wait=LOOK)
    assert states(driven, execution_id) == {"first": ends, "": ends}
    (lease,) = jobs(driven)
    kills = Kills()
    for record in driven.log.consumer("", (KILL,)).poll(10, 0):
        kills.remember(record.value)
    assert kills.covers(lease.job)  # a worker that comes later does not run it


def test_a_job_that_has_begun_is_not_asked_for_any_more() -> None:
    driven = driver("FAIL", ServiceState.RUNNING)
    execution_id = run(driven)
    (lease,) = jobs(driven)
    driven.tell(execution_id, i.TaskRunStarted(lease.job.task_run_id, lease.job.epoch, "a worker", driven.clock.now()))
    beat(driven, ServiceState.TERMINATED)
    driven.settle(wait=3 * LOOK)
    assert states(driven, execution_id)["first"] is S.RUNNING


def test_who_waits_for_a_worker_goes_on_waiting() -> None:
    driven = driver("WAIT", ServiceState.RUNNING)
    execution_id = run(driven)
    beat(driven, ServiceState.TERMINATED)
    driven.settle(wait=3 * LOOK)
    assert states(driven, execution_id)["first"] is S.CREATED


def test_of_two_that_wait_only_the_one_that_would_not_is_looked_after() -> None:
    driven = Driver("""
        id: grouped
        namespace: tests.groups
        tasks:
          - id: both
            type: io.kestra.plugin.core.flow.Parallel
            tasks:
              - {id: patient, type: io.kestra.plugin.core.debug.Return, format: x, workerGroup: {key: gpu, fallback: WAIT}}
              - {id: first, type: io.kestra.plugin.core.debug.Return, format: x, workerGroup: {key: gpu, fallback: FAIL}}
    """)
    beat(driven, ServiceState.RUNNING)
    execution_id = run(driven)
    beat(driven, ServiceState.TERMINATED)
    driven.settle(wait=3 * LOOK)
    assert {task: state for task, state in states(driven, execution_id).items() if task in {"first", "patient"}} == {
        "first": S.FAILED,
        "patient": S.CREATED,
    }


@pytest.mark.parametrize("worker", [None, ServiceState.TERMINATED])
def test_a_job_that_waits_is_there_for_the_next_worker_of_the_group(worker: ServiceState | None) -> None:
    driven = driver("WAIT", worker)
    execution_id = run(driven)
    assert states(driven, execution_id)["first"] is S.CREATED
    assert len(jobs(driven)) == 1


def test_a_group_that_is_served_again_gets_its_jobs_again() -> None:
    driven = driver("FAIL", ServiceState.TERMINATED)
    assert states(driven, run(driven))["first"] is S.FAILED
    beat(driven, ServiceState.RUNNING)
    run(driven)
    assert len(jobs(driven)) == 1


def test_what_is_told_of_an_older_dispatch_changes_nothing() -> None:
    driven = driver("WAIT", ServiceState.RUNNING)
    execution_id = run(driven)
    (lease,) = jobs(driven)
    driven.tell(execution_id, i.NoWorker(lease.job.task_run_id, lease.job.epoch - 1, S.FAILED, "late"))
    for _ in range(20):
        driven.turn()
    assert states(driven, execution_id)["first"] is S.CREATED
