"""The end of a step: draft in, frozen state, commands and changed parts out."""

from collections.abc import Mapping

from kestra_stream.engine import commands as c
from kestra_stream.engine.state import ExecutionState
from kestra_stream.engine.step import Decision, Step
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.stored_state import Phase

_NO_LOOPS: Mapping[str, int] = {}


def decision_of(step: Step) -> Decision:
    """Freeze the draft; an event is published when the head or a task run changed."""
    finished = step.phase is Phase.FINISHED and step.state.phase is not Phase.FINISHED
    sequence = step.state.sequence
    runs = step.task_runs
    changed = [runs[run_id] for run_id in step.changed]
    if changed or step.removed or step.has_new_head or finished:
        sequence += 1
        head = step.execution if step.has_new_head else None
        event = ExecutionEvent(step.execution.id, sequence, head, tuple(changed), tuple(step.removed), finished, _loops(step))
        step.command(c.Publish(event))
    if step.phase is Phase.FINISHED and not step.open_runs and not step.timers:
        step.command(c.Forget())
    for run in changed:
        step.parts[f"run/{run.id}"] = run
    for run_id in step.removed:
        step.parts[f"run/{run_id}"] = None
    return Decision(_frozen(step, sequence), tuple(step.commands), step.parts)


def _loops(step: Step) -> Mapping[str, int]:
    """Return the sizes of the loops that began in this step."""
    if step.loop_values is step.state.loop_values:
        return _NO_LOOPS
    began = {name.split("/")[1] for name, value in step.parts.items() if value is not None and name.startswith("values/")}
    return {run_id: len(step.loop_values[run_id]) for run_id in sorted(began)}


def _frozen(step: Step, sequence: int) -> ExecutionState:
    return ExecutionState(
        step.plan,
        step.execution,
        step.phase,
        sequence,
        step.task_runs,
        step.scopes,
        step.outputs,
        step.task_states,
        step.open_runs,
        step.paused,
        step.retrying,
        step.todo,
        step.timers,
        step.children,
        step.answers,
        step.parent,
        step.has_slot,
        step.is_continuing,
        step.end,
        step.violated,
        step.provided_inputs,
        step.log_lines,
        step.failure,
        step.inside_loops,
        step.batch_outputs,
        step.loop_values,
        step.newest,
        step.broken,
        step.spent,
        step.now if step.spent else None,
    )
