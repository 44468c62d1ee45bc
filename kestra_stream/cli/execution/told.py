"""What commands for executions tell: an answer, a timeline, the document of a moment; for people or for programs."""

from datetime import UTC, datetime

import typer

from kestra_stream.cli.execution.orders import Answer
from kestra_stream.cli.execution.timeline import notes, timeline_document, timeline_lines
from kestra_stream.cli.exit_codes import FAILED, OK, TIMEOUT
from kestra_stream.cli.follow.follower import Follower
from kestra_stream.cli.result import document
from kestra_stream.cli.terminal.output import json_text, table_or_json, write_out
from kestra_stream.cli.terminal.picture import family_tree
from kestra_stream.cli.terminal.styled import joined, tree_lines
from kestra_stream.cli.terminal.view import FINAL_LINES
from kestra_stream.errors import Invalid, NotFound
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.history import History, Moment
from kestra_stream.queue.interface import Log
from kestra_stream.runtime.past import read_entries, read_history

_SILENCE = "An executor that runs has found nothing to do; if none runs, the command waits in the log for the next one"


def tell_answer(answer: Answer, patience: float, output: str) -> int:
    """Print what came of an order; return the exit code."""
    head = answer.head
    name = f"{head.namespace}.{head.flow_id} {head.state.current.value} (execution {head.id})"
    if answer.is_done:
        told, code = f"{answer.order}: {name}", OK
    elif answer.refusal is not None:
        told, code = f"{answer.order} is refused: {answer.refusal}; it stays {name}", FAILED
    else:
        told, code = f"{answer.order}: nothing has come of it for {patience:g} s, it stays {name}. {_SILENCE}", TIMEOUT
    if output == "json":
        document = {
            "command": answer.order,
            "executionId": answer.execution_id,
            "newExecutionId": head.id if head.id != answer.execution_id else None,
            "state": head.state.current.value,
            "answer": {OK: "done", FAILED: "refused", TIMEOUT: "none"}[code],
            "message": None if code == OK else told,
        }
        write_out(json_text({name: value for name, value in document.items() if value is not None}))
    elif code == OK:
        write_out(f"{told}\n")
    if code != OK:
        typer.echo(told, err=True)
    return code


def wanted_moment(sequence: int | None, text: str | None, output: str) -> tuple[int | None, datetime | None]:
    """Return which moment is meant. Raises Invalid for two at once, or what is no moment."""
    table_or_json(output)
    if text is None:
        return sequence, None
    if sequence is not None:
        raise Invalid("--seq and --at name a moment each: give one of them")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"--at {text}: write a moment such as 2030-01-31T10:00:00Z") from error
    return None, moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def tell_history(log: Log, execution_id: str, now: datetime, wanted: tuple[int | None, datetime | None], output: str) -> int:
    """Print the timeline of an execution, or what it was after an event or at a moment; return the exit code.

    Raises:
        NotFound: the log knows nothing of it.
        Invalid: there was no such event, or nothing yet at that moment.
    """
    history = read_history(log, execution_id, now)
    if not history.moments:
        raise NotFound(
            f"the log keeps no event of an execution {execution_id}: check the id; past the retention of the topic nothing is kept"
        )
    for note in notes(history):
        typer.echo(f"note: {note}", err=True)
    if wanted == (None, None):
        if output == "json":
            write_out(json_text(timeline_document(execution_id, history)))
        else:
            write_out("".join(f"{joined(line)}\n" for line in timeline_lines(history)))
        return OK
    return _tell_moment(log, execution_id, history, _wanted(history, *wanted), output)


def _wanted(history: History, sequence: int | None, date: datetime | None) -> Moment:
    if date is not None:
        found = history.at(date)
        if found is None:
            raise Invalid(f"--at {date.isoformat()}: nothing had happened yet; the first event came at {history.moments[0].at.isoformat()}")
        return found
    found = history.moment(sequence or 0)
    if found is None:
        first = history.moments[0].event.sequence
        raise Invalid(f"--seq {sequence}: the log has no such event of it; it has {first} to {history.last}")
    return found


def _tell_moment(log: Log, execution_id: str, history: History, moment: Moment, output: str) -> int:
    follower = Follower(log, keeps=True)
    try:
        events: list[ExecutionEvent] = [one.event for one in history.moments if one.event.sequence <= moment.event.sequence]
        follower.begin_with(events)
        known = follower.executions.get(execution_id)
        if known is None:
            raise Invalid(f"event {moment.event.sequence}: the events that tell what it was are not in the log any more")
        lines, metrics = read_entries(log, execution_id, history.moments[0].at)
        follower.begin_with(line for line in lines if line.timestamp <= moment.at)
        follower.begin_with(metric for metric in metrics if metric.timestamp <= moment.at)
        if output == "json":
            write_out(json_text(document(follower, known.head, moment.at)))
            return OK
        tree = family_tree(follower, execution_id, moment.at, FINAL_LINES)
        at = moment.at.astimezone(UTC).isoformat(timespec="milliseconds")
        write_out(f"event {moment.event.sequence} of {history.last}, {at}\n")
        if tree is not None:
            write_out("".join(f"{joined(line)}\n" for line in tree_lines(tree)))
        return OK
    finally:
        follower.close()
