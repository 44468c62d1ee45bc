"""Timeline: a history in, what each of its events changed out: as lines for people, and as a document for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kestra_stream.cli.terminal.picture import duration_text, run_name
from kestra_stream.cli.terminal.styled import STATE_STYLES, Piece, StyledLine, clean
from kestra_stream.models.document import Document
from kestra_stream.models.duration import format_duration
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.folded import FoldedExecution
from kestra_stream.models.history import History, Moment
from kestra_stream.models.state import State, StateType

_FIELDS = ("inputs", "outputs", "labels", "variables", "breakpoints", "flow_revision", "attempt_number", "error", "deleted")
_MARGIN = " " * 31


@dataclass(frozen=True, slots=True)
class HeadChange:
    """The execution entered states, or other parts of it changed."""

    states: Sequence[StateType]
    fields: Sequence[str]


@dataclass(frozen=True, slots=True)
class RunChange:
    """A task run came, changed or is gone; `run` is as it is after the event, or was before it when it is gone."""

    run: TaskRun
    states: Sequence[StateType]
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """One event of a timeline."""

    moment: Moment
    head: HeadChange | None
    runs: Sequence[RunChange]


def stops(history: History) -> Iterator[Stop]:
    """Yield what each event changed; the cost of one is that of what it changed."""
    folded = FoldedExecution()
    for moment in history.moments:
        event = moment.event
        head = folded.head
        before = {run_id: folded.run(run_id) for run_id in (*(run.id for run in event.task_runs), *event.removed)}
        folded.fold(event)
        changed = _head_change(head, event.execution) if event.execution is not None else None
        runs = [RunChange(run, _entered(old.state if (old := before[run.id]) else None, run.state)) for run in event.task_runs]
        gone = [RunChange(old, (), is_gone=True) for run_id in event.removed if (old := before[run_id]) is not None]
        yield Stop(moment, changed, (*runs, *gone))


def _head_change(before: Execution | None, after: Execution) -> HeadChange:
    if before is None:
        return HeadChange(_entered(None, after.state), ())
    fields = [name for name in _FIELDS if getattr(before, name) != getattr(after, name)]
    return HeadChange(_entered(before.state, after.state), fields)


def _entered(before: State | None, after: State) -> Sequence[StateType]:
    """Return the states that a history has gained; all of it, when it is another life."""
    known = before.histories if before is not None else ()
    if after.histories[: len(known)] != known:
        known = ()
    return [line.state for line in after.histories[len(known) :]]


# -- for people --------------------------------------------------------------------------------------------------------


def timeline_lines(history: History) -> Iterator[StyledLine]:
    """Yield the lines of a timeline."""
    missing = dict(history.missing)
    for stop in stops(history):
        number = stop.moment.event.sequence
        for first, last in [(first, last) for first, last in missing.items() if last < number]:
            yield _missing_line(first, last)
            del missing[first]
        start: Piece = (f"{_date(stop.moment.at)}  {number:>5}  ", "dim")
        for line in _stop_lines(stop, number in history.repeated):
            yield (start, *line)
            start = (_MARGIN, "")


def notes(history: History) -> Iterator[str]:
    """Yield what is to be said of a history that is not as it should be."""
    for first, last in history.missing:
        yield f"{_numbers(first, last)} not in the log (any more): what they changed is unknown unless a later event tells it"
    for number in history.repeated:
        what = "; they do not say the same, and the first one counts" if number in history.contradicted else ""
        yield f"event {number} is in the log more than once{what}"


def _missing_line(first: int, last: int) -> StyledLine:
    return ((f"{_MARGIN}… {_numbers(first, last)} not in the log (any more)", "yellow"),)


def _numbers(first: int, last: int) -> str:
    return f"event {first} is" if first == last else f"events {first} to {last} are"


def _stop_lines(stop: Stop, is_repeated: bool) -> Iterator[StyledLine]:  # noqa: FBT001 - one of two words at the end of a line
    finished = " (finished)" if stop.moment.event.finished else ""
    again = " (in the log more than once)" if is_repeated else ""
    end: StyledLine = ((f"{finished}{again}", "dim"),) if finished or again else ()
    lines: list[StyledLine] = []
    if stop.head is not None:
        fields = ", ".join(name.replace("_", " ") for name in stop.head.fields)
        lines.append((("execution ", "bold"), *_states(stop.head.states), (f" {fields} changed" if fields else "", "")))
    lines += [_run_line(change) for change in stop.runs]
    yield from lines[:-1]
    yield (*(lines[-1] if lines else ()), *end)


def _run_line(change: RunChange) -> StyledLine:
    run = change.run
    name: Piece = (f"{clean(run_name(run))} ", "")
    if change.is_gone:
        return (name, ("removed", "dim"))
    attempts = f" ({len(run.attempts)} attempts)" if len(run.attempts) > 1 else ""
    took = f" after {duration_text(_seconds(run.state))}" if run.state.is_terminal else ""
    return (name, *_states(change.states or [run.state.current]), (f"{took}{attempts}", "dim"))


def _states(states: Sequence[StateType]) -> Iterator[Piece]:
    for place, state in enumerate(states):
        if place:
            yield (" → ", "dim")
        yield (state.value, STATE_STYLES.get(state, ""))


def _seconds(state: State) -> float:
    return (state.histories[-1].date - state.histories[0].date).total_seconds()


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


# -- for programs ------------------------------------------------------------------------------------------------------


def timeline_document(execution_id: str, history: History) -> Document:
    """Return the timeline as plain data; `missing` and `repeated` tell what is wrong with it."""
    return {
        "executionId": execution_id,
        "events": [_stop_document(stop) for stop in stops(history)],
        "missing": [{"from": first, "to": last} for first, last in history.missing],
        "repeated": [{"sequence": number, "contradicts": number in history.contradicted} for number in history.repeated],
    }


def _stop_document(stop: Stop) -> Document:
    document: Document = {
        "sequence": stop.moment.event.sequence,
        "date": stop.moment.at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z",
        "finished": stop.moment.event.finished,
    }
    if stop.head is not None:
        document["execution"] = {"states": [state.value for state in stop.head.states], "changed": list(stop.head.fields)}
    document["taskRuns"] = [_run_document(change) for change in stop.runs]
    return document


def _run_document(change: RunChange) -> Document:
    run = change.run
    found: Document = {
        "id": run.id,
        "taskId": run.task_id,
        "parentTaskRunId": run.parent_id,
        "value": run.value,
        "iteration": run.iteration,
        "states": [state.value for state in change.states],
        "state": None if change.is_gone else run.state.current.value,
        "attempts": len(run.attempts),
        "duration": format_duration(run.state.histories[-1].date - run.state.histories[0].date) if run.state.is_terminal else None,
        "removed": change.is_gone or None,
    }
    return {name: value for name, value in found.items() if value is not None}
