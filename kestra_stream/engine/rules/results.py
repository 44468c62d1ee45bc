"""Results: joins what workers report into the task runs. Late, doubled and reordered reports change nothing.

A dispatch has an epoch. A report counts when its epoch is the run's newest, the run was sent and has not ended:

    CREATED ──started──> RUNNING ──ended──> SUCCESS | WARNING | FAILED | KILLED
       └────────────────ended──────────────────┘   (a short task reports start and end in one)
"""

from dataclasses import replace
from datetime import datetime

from kestra_stream.engine.draft.jobs import stop_job
from kestra_stream.engine.draft.runs import drop, put, put_with_outputs
from kestra_stream.engine.rules import retries
from kestra_stream.engine.rules.outcomes import cancel_execution, end, fail
from kestra_stream.engine.step import Step
from kestra_stream.models import behaviour as b
from kestra_stream.models.execution import Attempt, TaskRun
from kestra_stream.models.execution_input import ChildTaskRunReported, NoWorker, TaskRunEnded, TaskRunStarted, WorkerLost
from kestra_stream.models.ids import derived_id
from kestra_stream.models.records import Level
from kestra_stream.models.state import CREATED_LIKE, S, State, Transition


def awaited(step: Step, task_run_id: str, epoch: int) -> TaskRun | None:
    """Return the run that a report is about, or None when the report is late, doubled or unknown."""
    run = step.task_runs.get(task_run_id)
    if run is None or run.epoch != epoch or not run.sent or run.state.is_terminal:
        return None
    return run


def task_run_started(step: Step, message: TaskRunStarted) -> None:
    """A worker has taken the job."""
    run = awaited(step, message.task_run_id, message.epoch)
    if run is not None and run.state.current in CREATED_LIKE:
        put(step, _started(run, message.at, message.worker_id))


def _started(run: TaskRun, at: datetime, worker_id: str) -> TaskRun:
    began = max(at, run.state.histories[-1].date)
    running = Transition(S.RUNNING, began)  # one for both: a hundred thousand live runs count their objects
    attempt = Attempt(State(S.RUNNING, (Transition(S.CREATED, began), running)), worker_id=worker_id)
    return run.with_result(State(S.RUNNING, (*run.state.histories, running)), (*run.attempts, attempt), run.outputs)


def task_run_ended(step: Step, message: TaskRunEnded) -> None:
    """The attempt is over: the run ends, or waits for its next attempt."""
    run = awaited(step, message.task_run_id, message.epoch)
    if run is None or not message.state.is_terminal:
        return
    for child in message.task_runs:
        _join_child(step, run, child)
    _end_open_children(step, run)
    if run.state.current in CREATED_LIKE:
        run = _started(run, message.started_at, message.worker_id)
    last = run.attempts[-1]
    ended_at = max(message.ended_at, last.state.histories[-1].date)
    attempt = Attempt(last.state.to(message.state, ended_at), message.log_file, last.worker_id)
    outputs = message.outputs if message.outputs is not None else run.outputs
    run = run.with_result(run.state, (*run.attempts[:-1], attempt), outputs)
    tried_inside = any(child.state.current is S.FAILED for child in message.task_runs)
    retries.conclude(step, run, message.state, message.error, tried_inside=tried_inside)


def child_task_run_reported(step: Step, message: ChildTaskRunReported) -> None:
    """A worker tells of a task that it runs inside a WorkingDirectory."""
    parent_id = message.task_run.parent_id
    around = awaited(step, parent_id, message.parent_epoch) if parent_id is not None else None
    if around is not None:
        _join_child(step, around, message.task_run)


def _end_open_children(step: Step, around: TaskRun) -> None:
    """What a worker ran inside has ended with it, also when it could not tell so (it gave up a thread that did not stop)."""
    behaviour = step.node(around).behaviour
    for task in behaviour.tasks if isinstance(behaviour, b.Run) else ():
        child = step.task_runs.get(derived_id(step.execution.id, around.id, task.id, "", ""))
        if child is not None and not child.state.is_terminal:
            put(step, child.with_state(S.KILLED, max(step.now, child.state.histories[-1].date)))


def _join_child(step: Step, around: TaskRun, child: TaskRun) -> None:
    """Accept a child's report when it tells more than what is known."""
    node = step.plan.nodes.get(child.task_id)
    if child.parent_id != around.id or node is None or not isinstance(step.node(around).behaviour, b.Run):
        return
    known = step.task_runs.get(child.id)
    if known is not None and not _tells_more(child, known):
        return
    put_with_outputs(step, replace(child, dynamic=True, sent=not child.state.is_terminal))


def _tells_more(child: TaskRun, known: TaskRun) -> bool:
    if len(child.attempts) > len(known.attempts):
        return True
    if child.state.current is known.state.current or (known.state.is_terminal and not child.state.is_terminal):
        return False
    return len(child.state.histories) >= len(known.state.histories)


def no_worker(step: Step, message: NoWorker) -> None:
    """No worker of the group lives: the run ends as the group's fallback says; a cancelled one takes its execution along."""
    run = awaited(step, message.task_run_id, message.epoch)
    if run is None or run.state.current not in CREATED_LIKE:
        return
    stop_job(step, run)  # it may lie in the line of its group, for a worker that comes later
    if message.state is S.CANCELLED:
        step.log(Level.WARN, message.error, run)
        end(step, run, S.CANCELLED)
        cancel_execution(step, S.CANCELLED)
    else:
        fail(step, run, message.error)


def worker_lost(step: Step, message: WorkerLost) -> None:
    """The worker that held the dispatch is gone: the run goes out again under a new epoch, unless nobody wants it any more."""
    run = awaited(step, message.task_run_id, message.epoch)
    if run is None:
        return
    for child_id, child in sorted(step.task_runs.items()) if isinstance(step.node(run).behaviour, b.Run) else ():
        if child.parent_id == run.id:
            drop(step, step.task_runs[child_id])
    retries.worker_lost(step, run)
