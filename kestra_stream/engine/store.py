"""The stored form of a live execution: named parts, so that a step writes only what it changed, and back to a state.

The parts are listed in `models/stored_state.py`.

Scopes, counters and the tree of outputs are not stored: they follow from the parts.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from immutables import Map

from kestra_stream.engine.decide import settle
from kestra_stream.engine.draft.runs import oldest_first, path_of
from kestra_stream.engine.plan import ROOT, Plan
from kestra_stream.engine.rules.restart import rebuild
from kestra_stream.engine.state import Answers, Batches, Chunked, ExecutionState, Scope, WorkKind
from kestra_stream.engine.step import Decision, Step
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.flow import Flow
from kestra_stream.models.state import S
from kestra_stream.models.stored_state import Phase, StoredHead


def stored(decision: Decision) -> dict[str, object]:
    """Return the parts that a decision changed; the head is always among them."""
    state = decision.state
    head = StoredHead(
        state.execution,
        state.phase,
        state.sequence,
        state.parent,
        state.has_slot,
        state.end,
        state.violated,
        state.provided_inputs,
        state.log_lines,
        state.failure,
    )
    return {**decision.parts, "": head}


def stored_anew(decision: Decision) -> dict[str, object]:
    """Return all parts of an execution that came back from its history: nothing of it is stored any more."""
    return {**{f"run/{run.id}": run for run in decision.state.task_runs.values()}, **stored(decision)}


def restored(plan: Plan, parts: Mapping[str, Any], now: datetime, newest: Flow | None = None) -> Decision:
    """Build the state back from its parts; commands are those that must be given again (look-ups that were under way)."""
    head: StoredHead = parts[""]
    groups: dict[str, dict[str, Any]] = {}
    for name, value in parts.items():
        kind, _, key = name.partition("/")
        groups.setdefault(kind, {})[key] = value
    runs: dict[str, TaskRun] = groups.get("run", {})
    ordered = oldest_first(runs.values())
    state = ExecutionState(
        plan=plan,
        execution=head.execution,
        phase=head.phase,
        sequence=head.sequence,
        task_runs=Map(runs),
        open_runs=Map({run.id: None for run in ordered if not run.state.is_terminal}),
        paused=Map({run.id: None for run in ordered if run.state.current is S.PAUSED}),
        retrying=Map({run.id: None for run in ordered if run.state.current is S.RETRYING}),
        timers=Map(groups.get("timer", {})),
        children=Map(groups.get("child", {})),
        answers=_answers(groups.get("answer", {})),
        parent=head.parent,
        has_slot=head.has_slot,
        end=head.end,
        violated=head.violated,
        provided_inputs=head.provided_inputs,
        log_lines=head.log_lines,
        failure=head.failure,
        inside_loops=_inside_loops(plan, ordered),
        loop_values=_loop_values(groups.get("values", {})),
        batch_outputs=_batch_outputs(groups.get("batch", {})),
        newest=newest,
        broken=Map(dict.fromkeys(groups.get("broken", ()))),
    )
    step = Step(state, now)
    _reopen(step, ordered)
    for run_id, (total, created) in groups.get("batches", {}).items():
        _reopen_batches(step, run_id, total, created, groups.get("batch", {}))
    return settle(step)


def _reopen(step: Step, ordered: list[TaskRun]) -> None:
    """Take up again whatever the execution was waiting for or working on."""
    _show_outputs(step, ordered)
    waits = step.has_slot or "schedule" in step.timers
    if step.phase is Phase.AFTER or (step.phase is Phase.ALIVE and step.end is None):
        rebuild(step, ordered)
    elif step.phase is Phase.WAITING and step.execution.state.current is S.CREATED and not waits:
        step.push(WorkKind.BEGIN, ROOT)
    elif step.phase is Phase.OUTPUTS:
        step.push(WorkKind.OUTPUTS, ROOT)


def _reopen_batches(step: Step, run_id: str, total: int, created: int, batches: Mapping[str, Any]) -> None:
    ended = {int(name.partition("/")[2]): state for name, (state, _) in batches.items() if name.partition("/")[0] == run_id}
    counts: dict[str, int] = {}
    for state in ended.values():
        counts[state] = counts.get(state, 0) + 1
    step.put_scope(run_id, Scope(created=created, batches=Batches(total, Map(ended), counts)))
    if created < total:
        step.push(WorkKind.ADVANCE, run_id)


def from_history(plan: Plan, head: Execution, runs: Iterable[TaskRun], sequence: int) -> ExecutionState:
    """Return the state of an execution that had ended and was let go, as the repository tells it."""
    known = [run for run in runs if run.task_id in plan.nodes]
    state = ExecutionState(plan, head, Phase.FINISHED, sequence, Map({run.id: run for run in known}))
    step = Step(state, head.state.histories[-1].date)
    _show_outputs(step, oldest_first(known))
    open_runs = Map({run.id: None for run in known if not run.state.is_terminal})
    return state._replace(outputs=step.outputs, task_states=step.task_states, open_runs=open_runs)


def _show_outputs(step: Step, ordered: list[TaskRun]) -> None:
    for run in ordered:
        if run.outputs:
            step.outputs = step.outputs.with_value(path_of(step, run), run.outputs)
        if step.plan.uses_task_states:
            step.task_states = step.task_states.with_value(path_of(step, run), {"state": run.state.current.value})


def _inside_loops(plan: Plan, ordered: list[TaskRun]) -> Map[str, Map[str, None]]:
    found: dict[str, dict[str, None]] = {}
    for run in ordered:
        if plan.nodes[run.task_id].is_in_loop:
            found.setdefault(run.parent_id or "", {})[run.id] = None
    return Map({parent: Map(children) for parent, children in found.items()})


def _answers(stored_answers: Mapping[str, object]) -> Map[str, Answers]:
    found: dict[str, dict[str, Any]] = {}
    for name, answer in stored_answers.items():
        run_id, _, key = name.partition("/")
        found.setdefault(run_id, {})[key] = answer
    return Map({run_id: Map(answers) for run_id, answers in found.items()})


def _loop_values(chunks: Mapping[str, Any]) -> Map[str, Chunked]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for name in sorted(chunks):
        found.setdefault(name.partition("/")[0], []).append(tuple(chunks[name]))
    return Map({run_id: Chunked(tuple(parts)) for run_id, parts in found.items()})


def _batch_outputs(batches: Mapping[str, Any]) -> Map[str, Map[int, Mapping[str, object]]]:
    found: dict[str, dict[int, Mapping[str, object]]] = {}
    for name, (_, outputs) in batches.items():
        run_id, _, number = name.partition("/")
        if outputs:
            found.setdefault(run_id, {})[int(number)] = outputs
    return Map({run_id: Map(outputs) for run_id, outputs in found.items()})
