"""Outcomes: what the end of an attempt, or of a flowable, means for its task run."""

from dataclasses import replace

from immutables import Map

from kestra_stream.engine.draft.runs import put, put_with_outputs
from kestra_stream.engine.step import Step
from kestra_stream.models import behaviour as b
from kestra_stream.models.execution import Attempt, TaskRun
from kestra_stream.models.records import Level
from kestra_stream.models.state import S, State, StateType, Transition


def final_state(step: Step, run: TaskRun, state: StateType) -> StateType:
    """Apply `allowFailure`, `allowWarning` and `warningOnRetry` to the state that a run would end with."""
    node = step.node(run)
    task = node.task
    assert task is not None  # noqa: S101 - the root has no runs
    tolerant = task.allow_failure or (isinstance(node.behaviour, b.Sequence) and node.behaviour.failure_is_warning)
    if state is S.FAILED and tolerant:
        state = S.WARNING
    if state is S.SUCCESS and node.retry is not None and node.retry.warning_on_retry and len(tries_of(run)) > 1:
        state = S.WARNING
    if state is S.WARNING and task.allow_warning:
        state = S.SUCCESS
    return state


def tries_of(run: TaskRun) -> list[Attempt]:
    """Return the attempts that count for a retry: not those whose worker was lost."""
    return [attempt for attempt in run.attempts if attempt.state.current is not S.RESUBMITTED]


def fail(step: Step, run: TaskRun, message: str) -> None:
    """End a run that the engine itself could not go on with; the message goes to the log."""
    message = step.masked(message)
    step.log(Level.ERROR, message, run)
    if not step.node(run).is_flowable and not run.state.is_terminal:
        run = with_attempt(run, S.FAILED, step)
    end(step, run, S.FAILED, message)


def end(step: Step, run: TaskRun, state: StateType, message: str | None = None) -> None:
    """Give a run its final state and show its outputs."""
    state = final_state(step, run, state)
    if state is S.FAILED:
        note_failure(step, run, message)
    put_with_outputs(step, run.with_state(state, step.now))


def note_failure(step: Step, run: TaskRun, message: str | None) -> None:
    """Keep what `error` shows in the branches for errors: the first failure."""
    if step.failure is None:
        step.failure = {"taskId": run.task_id, "taskRunId": run.id, "message": message or "", "stackTrace": message or ""}


def cut_off(step: Step, run: TaskRun, state: StateType) -> None:
    """End a run that nobody waits for any more, and the attempt that still ran."""
    attempts = run.attempts
    if attempts and not attempts[-1].state.is_terminal:
        attempts = (*attempts[:-1], replace(attempts[-1], state=attempts[-1].state.to(state, step.now)))
    put(step, replace(run.with_state(state, step.now), attempts=attempts, sent=False))


def with_attempt(run: TaskRun, state: StateType, step: Step) -> TaskRun:
    """Add an attempt that began and ended in this step."""
    transitions = (Transition(S.CREATED, step.now), Transition(S.RUNNING, step.now), Transition(state, step.now))
    return run.with_result(run.state, (*run.attempts, Attempt(State(state, transitions))), run.outputs)


def end_at_once(step: Step, state: StateType) -> None:
    """End the execution without resolving its root: nothing more of its main part starts."""
    step.scopes = Map()
    step.end = state


def cancel_execution(step: Step, state: StateType) -> None:
    """End the execution, and all flowables that are open, with a state."""
    for run_id in sorted(step.scopes):
        if run_id and not step.task_runs[run_id].state.is_terminal:
            put(step, step.task_runs[run_id].with_state(state, step.now))
    end_at_once(step, state)
