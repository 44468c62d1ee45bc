"""The end of a run: one JSON document for programs; what failed, the outputs and a line for people."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TypeVar

import orjson

from kestra_stream.cli.engine.client import Client
from kestra_stream.cli.follow.followed import Followed
from kestra_stream.cli.follow.follower import Follower
from kestra_stream.cli.terminal.output import json_text, write_out
from kestra_stream.cli.terminal.picture import duration_text, execution_name, run_name, short
from kestra_stream.cli.terminal.styled import STATE_STYLES, StyledLine, clean
from kestra_stream.errors import Fault, Invalid, InvalidFlow, InvalidInputs
from kestra_stream.models.document import Document, execution_document, log_document, metric_document, to_plain
from kestra_stream.models.execution import Execution
from kestra_stream.models.records import LogEntry, MetricEntry
from kestra_stream.models.state import S

E = TypeVar("E", LogEntry, MetricEntry)
_MOST_REASONS = 10
_LONGEST_OUTPUT = 2_000


def print_document(follower: Follower, head: Execution, now: datetime) -> None:
    """Print the execution, those that it called, their log lines and metrics as one JSON document."""
    write_out(json_text(document(follower, head, now)))


def print_refusal(error: Invalid) -> None:
    """Print the document of a run that did not begin: there is no execution, but there are faults."""
    faults = error.faults if isinstance(error, InvalidFlow | InvalidInputs) else (Fault(str(error)),)
    nothing: Document = {"execution": None, "executions": [], "logs": [], "metrics": []}
    write_out(json_text({**nothing, "faults": [asdict(fault) for fault in faults]}))


def document(follower: Follower, head: Execution, now: datetime) -> Document:
    """Return the execution (as it was created, if nothing more is known), all others, their log lines and metrics.

    Of a line of retried executions it is the last one; the others are those before it, and those that were called.
    """
    last = follower.last_of(head.id)
    ids = [last, *(one for one in follower.executions if one != last)]
    known = [follower.executions.get(one) or Followed(head) for one in ids]
    executions = [execution_document(one.head, one.folded.listed(), now) for one in known]
    logs = [entry for one in ids for entry in _oldest_first(follower.lines.get(one, {}).values())]
    metrics = [entry for one in ids for entry in _oldest_first(follower.metrics.get(one, {}).values())]
    logs.sort(key=lambda entry: entry.timestamp)
    return {
        "execution": executions[0],
        "executions": executions[1:],
        "logs": [log_document(entry) for entry in logs],
        "metrics": [metric_document(entry) for entry in metrics],
    }


def _oldest_first(entries: Iterable[E]) -> list[E]:
    return sorted(entries, key=lambda entry: (entry.timestamp, entry.id))


def summary_lines(client: Client, created: Execution) -> list[StyledLine]:
    """Return what failed, the outputs, and how the run ended in one line."""
    follower = client.follower
    followed = follower.executions.get(follower.last_of(created.id)) or Followed(created)
    head = followed.head
    lines: list[StyledLine] = [()]
    reasons = list(_reasons(follower, followed))
    if reasons:
        lines += [(("What failed:", "bold"),), *reasons[:_MOST_REASONS]]
        if len(reasons) > _MOST_REASONS:
            lines.append(((f"  … and {len(reasons) - _MOST_REASONS} more", "dim"),))
    if head.outputs:
        lines.append((("Outputs:", "bold"),))
        for name, value in head.outputs.items():
            lines.append(((f"  {name}: ", "bold"), (clean(_shown(client, head.tenant_id, value)), "")))
    return [*lines, _last_line(follower, followed)]


def _last_line(follower: Follower, followed: Followed) -> StyledLine:
    head = followed.head
    state = head.state.current
    seconds = (head.state.histories[-1].date - head.state.histories[0].date).total_seconds()
    counts = [_counted(len(followed.runs), "task run")]
    earlier = follower.count_before(head.id)
    if (others := len(follower.executions) - 1 - earlier) > 0:
        counts.append(_counted(others, "subflow"))
    if earlier:
        counts.append(_counted(earlier, "retried execution"))
    return (
        (f"{head.namespace}.{head.flow_id} ", "bold"),
        (state.value, STATE_STYLES.get(state, "")),
        (f" after {duration_text(seconds)}: {', '.join(counts)} (execution {head.id})", ""),
    )


def _reasons(follower: Follower, followed: Followed) -> Iterator[StyledLine]:
    """Yield a line for each task run, here and in subflows, that failed by itself, when the execution did not end well."""
    if followed.head.state.current in {S.SUCCESS, S.WARNING}:
        return
    if followed.head.error:
        yield (("  ", ""), (clean(followed.head.error), "red"))
    elif followed.head.id in follower.reasons:
        yield (("  ", ""), (clean(short(follower.reasons[followed.head.id], 200)), "red"))
    for known in follower.executions.values():
        flow = "" if known is followed else f"{execution_name(known)} > "
        if known.head.state.current is S.RETRIED:
            continue
        for run in known.runs.values():
            if run.state.current is S.FAILED and run.id in follower.reasons and run.id not in known.branches:
                yield ((f"  {flow}{run_name(run)}: ", "bold"), (clean(short(follower.reasons[run.id], 200)), "red"))


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _shown(client: Client, tenant: str, value: object) -> str:
    """Show a value in a line; a stored file by its place on this machine."""
    if isinstance(value, str):
        text = client.place_of(tenant, value) if value.startswith("kestra://") else value
    else:
        text = orjson.dumps(to_plain(value), option=orjson.OPT_NON_STR_KEYS).decode()
    return text if len(text) <= _LONGEST_OUTPUT else f"{text[:_LONGEST_OUTPUT]}… ({len(text)} characters)"
