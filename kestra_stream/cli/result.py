"""The end of a run: one JSON document, or outputs and a line for people."""

from typing import Any

import orjson
import typer

from kestra_stream.assembly import Standalone
from kestra_stream.cli.follower import Followed, Follower
from kestra_stream.models.document import execution_document, log_document, metric_document, to_plain
from kestra_stream.models.duration import format_duration
from kestra_stream.repository.query import Filter, Page

_ALL = Page(1, 10_000_000)


def print_result(engine: Standalone, follower: Follower, execution_id: str, output: str) -> None:
    """Print how a run ended."""
    known = follower.executions.get(execution_id)
    if known is None:
        return
    for followed in follower.executions.values():
        engine.wait_until_settled(followed.head.id, followed.sequence)
    if output == "json":
        typer.echo(orjson.dumps(document(engine, follower, execution_id), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
    else:
        _print_summary(engine, known, len(follower.executions) - 1)


def document(engine: Standalone, follower: Follower, execution_id: str) -> dict[str, Any]:
    """Return the execution, those that it called, their log lines and metrics."""
    repository, now = engine.backend.repository, engine.clock.now()
    ids = [execution_id, *(one for one in follower.executions if one != execution_id)]
    executions = []
    for one in ids:
        head = repository.executions.get(one)
        if head is not None:
            executions.append(execution_document(head, repository.executions.task_runs(one), now))
    logs = [entry for one in ids for entry in repository.logs.search(Filter().where("execution_id", one), _ALL).items]
    metrics = [entry for one in ids for entry in repository.metrics.search(Filter().where("execution_id", one), _ALL).items]
    logs.sort(key=lambda entry: entry.timestamp)
    return {
        "execution": executions[0],
        "executions": executions[1:],
        "logs": [log_document(entry) for entry in logs],
        "metrics": [metric_document(entry) for entry in metrics],
    }


def _print_summary(engine: Standalone, followed: Followed, subflows: int) -> None:
    head = followed.head
    if head.error:
        typer.echo(head.error, err=True)
    if head.outputs:
        typer.echo("Outputs:")
        for name, value in head.outputs.items():
            typer.echo(f"  {name}: {_shown(engine, head.tenant_id, value)}")
    first, last = head.state.histories[0].date, head.state.histories[-1].date
    also = f", {subflows} subflow{'s' if subflows > 1 else ''}" if subflows else ""
    runs = len(followed.runs)
    typer.echo(
        f"{head.namespace}.{head.flow_id} {head.id}: {head.state.current.value} "
        f"after {format_duration(last - first)[2:].lower()}, {runs} task run{'s' if runs != 1 else ''}{also}"
    )


def _shown(engine: Standalone, tenant: str, value: Any) -> str:
    """Show a value in a line; a stored file by its place on this machine."""
    if isinstance(value, str):
        return engine.place_of(tenant, value) if value.startswith("kestra://") else value
    return orjson.dumps(to_plain(value)).decode()
