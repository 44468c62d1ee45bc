"""Laws that every decision keeps, whatever has happened before."""

from itertools import pairwise

from kestra_stream.engine import commands as c
from kestra_stream.engine.decide import decide
from kestra_stream.models import execution_input as i
from kestra_stream.models.messages import TaskJob
from kestra_stream.models.state import TERMINAL, S, State
from tests.unit.engine.world import PERSONS, Happened, Law, Life, World

OPEN = frozenset(S) - TERMINAL
ENDS = {S.SUCCESS, S.WARNING, S.FAILED, S.KILLED, S.CANCELLED}
HEADS = {
    S.CREATED: {S.RUNNING, S.QUEUED, S.KILLING, *ENDS},
    S.QUEUED: {S.RUNNING, S.KILLING, *ENDS},
    S.RUNNING: {S.PAUSED, S.RESTARTED, S.RETRYING, S.KILLING, S.RETRIED, S.BREAKPOINT, *ENDS},
    S.PAUSED: {S.RUNNING, S.RESTARTED, S.KILLING, S.RETRIED, *ENDS},
    S.RETRYING: {S.RUNNING, S.PAUSED, S.KILLING, S.RETRIED, S.RESTARTED, *ENDS},
    S.BREAKPOINT: {S.RUNNING, S.KILLING, *ENDS},
    S.RESTARTED: {S.RUNNING},
    S.KILLING: {S.KILLED},
    **{end: {S.RESTARTED, S.PAUSED, *ENDS} for end in [*ENDS, S.RETRIED]},
}
RUNS = {
    S.CREATED: {S.RUNNING, S.SKIPPED, S.BREAKPOINT, *ENDS, S.RETRIED},
    S.RUNNING: {S.PAUSED, S.CREATED, S.KILLING, *ENDS, S.RETRIED},
    S.PAUSED: {S.RUNNING, S.KILLING, *ENDS},
    S.KILLING: {S.KILLED},
    S.FAILED: {S.RETRYING, S.RETRIED},
    S.RETRYING: {S.CREATED, S.KILLED, S.FAILED, S.RETRIED, S.CANCELLED},
    S.BREAKPOINT: {S.CREATED, S.KILLED, S.FAILED, S.CANCELLED},
    S.RESTARTED: {S.RUNNING, *ENDS, S.SKIPPED, S.BREAKPOINT},
}
SET_BY_A_PERSON = {S.RESTARTED, S.RUNNING, S.SKIPPED, *ENDS}


def steps(before: State | None, after: State) -> list[tuple[S, S]]:
    """Pairs of states that a history gained; fails when it lost or changed a line."""
    known = before.histories if before is not None else after.histories[:1]
    assert after.histories[: len(known)] == known, "a history was rewritten"
    states = [transition.state for transition in after.histories[len(known) - 1 :]]
    return list(pairwise(states))


def by_person(happened: Happened) -> bool:
    """Whether a person may have taken back an end."""
    return isinstance(happened.message, (*PERSONS, i.Create))


def the_same_again(world: World, life: Life, happened: Happened) -> None:
    """The same input on the same state is decided the same, ids included."""
    again = decide(happened.before, happened.message, happened.now)
    assert again.commands == happened.decision.commands
    assert again.parts == happened.decision.parts


def documents_tell_the_state(world: World, life: Life, happened: Happened) -> None:
    """Events folded one after the other are what the engine knows; they are numbered without a gap."""
    state = happened.decision.state
    assert life.runs == dict(state.task_runs)
    if life.sequence:
        assert life.head == state.execution
    events = [command.event for command in happened.decision.commands if isinstance(command, c.Publish)]
    assert [event.sequence for event in events] == [happened.before.sequence + 1][: len(events)]
    assert state.sequence == happened.before.sequence + len(events) == life.sequence


def histories_are_legal(world: World, life: Life, happened: Happened) -> None:
    """Heads and runs go from state to state as drawn; what has ended stays so unless a person takes the end back."""
    before, after = happened.before, happened.decision.state
    fresh = isinstance(happened.message, i.Create) and not before.sequence
    for one, other in steps(None if fresh else before.execution.state, after.execution.state):
        assert other in HEADS[one], f"execution {one} -> {other} on {happened.message}"
        assert one not in TERMINAL or by_person(happened), f"execution {one} -> {other} on {happened.message}"
    for run_id, run in after.task_runs.items():
        known = before.task_runs.get(run_id)
        if known is not None and known.state.histories[0] != run.state.histories[0]:
            assert by_person(happened), f"{run.task_id} was dropped"
            assert known.epoch <= happened.before.sequence <= run.epoch, "reports of its former life may count"
            known = None
        for one, other in steps(known.state if known is not None else None, run.state):
            legal = RUNS.get(one, set()) | (SET_BY_A_PERSON if by_person(happened) else set())
            assert other in legal, f"{run.task_id} {one} -> {other} on {happened.message}"
        if known is not None and known.state.is_terminal and not by_person(happened):
            assert run.state == known.state, f"{run.task_id} had ended"
            assert run.attempts == known.attempts, f"{run.task_id} had ended"


def attempts_are_counted_once(world: World, life: Life, happened: Happened) -> None:
    """An attempt comes with a dispatch, one at most for each; at most the last one is open, and only while somebody holds the run."""
    for run in happened.decision.state.task_runs.values():
        open_attempts = [attempt for attempt in run.attempts if not attempt.state.is_terminal]
        assert open_attempts in ([], [run.attempts[-1]] if run.attempts else [])
        assert not open_attempts or run.sent
    for run in happened.decision.state.task_runs.values():
        known = happened.before.task_runs.get(run.id)
        if known is not None and known.state.histories[0] == run.state.histories[0]:
            assert len(run.attempts) <= len(known.attempts) + 1
            ended = [attempt for attempt in known.attempts if attempt.state.is_terminal]
            if not isinstance(happened.message, i.ChangeTaskRunState):
                assert list(run.attempts[: len(ended)]) == ended, "an attempt that had ended was changed"


def what_is_stored_is_the_state(world: World, life: Life, happened: Happened) -> None:
    """The stored parts are the runs, timers and children of the state, and nothing that is gone."""
    if life.state is None:
        return
    names = {name for name in life.parts if name.partition("/")[0] in {"run", "timer", "child"}}
    state = life.state
    assert names == (
        {f"run/{run_id}" for run_id in state.task_runs}
        | {f"timer/{timer_id}" for timer_id in state.timers}
        | {f"child/{child_id}" for child_id in state.children}
    )
    for run_id, run in state.task_runs.items():
        assert life.parts[f"run/{run_id}"] == run


def the_open_are_known(world: World, life: Life, happened: Happened) -> None:
    """What is open, paused and retrying is at hand without looking through all runs; every retry and pause has its timer."""
    state = happened.decision.state
    runs = state.task_runs.values()
    assert set(state.open_runs) == {run.id for run in runs if not run.state.is_terminal}
    assert set(state.paused) == {run.id for run in runs if run.state.current is S.PAUSED}
    assert set(state.retrying) == {run.id for run in runs if run.state.current is S.RETRYING}
    assert {f"retry:{run_id}" for run_id in state.retrying} == {name for name in state.timers if name.startswith("retry:")}
    assert {key[1] for key in world.timers if key[0] == life.head.id} == set(state.timers)


def a_killed_execution_starts_nothing(world: World, life: Life, happened: Happened) -> None:
    """From the kill on no run comes to be and no job goes out, but for afterExecution."""
    before, after = happened.before, happened.decision.state
    if before.execution.state.current is not S.KILLING:
        return
    fresh = [run for run_id, run in after.task_runs.items() if run_id not in before.task_runs and not run.dynamic]
    assert [run.task_id for run in fresh if not after.plan.nodes[run.task_id].is_after] == []
    offered = [command.job for command in happened.decision.commands if isinstance(command, c.Offer)]
    assert [job for job in offered if isinstance(job, TaskJob) and not after.plan.nodes[job.task_id].is_after] == []


def the_end_is_the_end(world: World, life: Life, happened: Happened) -> None:
    """An execution that is forgotten has nothing open and waits for nothing."""
    if any(isinstance(command, c.Forget) for command in happened.decision.commands):
        state = happened.decision.state
        assert state.execution.state.is_terminal
        assert not state.open_runs
        assert not state.timers


def a_good_end_has_run_everything(world: World, life: Life, happened: Happened) -> None:
    """An execution that ends well, where no person set a state, has nothing open and has run every task of its root."""
    before, after = happened.before, happened.decision.state
    ends = before.execution.state.current not in TERMINAL and after.execution.state.current in {S.SUCCESS, S.WARNING}
    if not ends or any(isinstance(past.message, i.ChangeTaskRunState | i.ChangeStatus) for past in life.past):
        return
    assert [
        run.task_id for run in after.task_runs.values() if not run.state.is_terminal and not after.plan.nodes[run.task_id].is_after
    ] == []
    known = {run.task_id for run in after.task_runs.values() if run.parent_id is None}
    assert known >= {node.id for node in after.plan.root.children("main")}


ALL: tuple[Law, ...] = (
    a_good_end_has_run_everything,
    the_same_again,
    documents_tell_the_state,
    histories_are_legal,
    attempts_are_counted_once,
    what_is_stored_is_the_state,
    the_open_are_known,
    a_killed_execution_starts_nothing,
    the_end_is_the_end,
)
