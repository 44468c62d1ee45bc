"""Starting and following: a flow or an id in, the story of the execution and an exit code out; the execution goes on by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kestra_stream.cli.engine.client import Client
from kestra_stream.cli.execution.orders import Answer, reach, started
from kestra_stream.cli.execution.told import tell_answer
from kestra_stream.cli.given import given_inputs, given_labels
from kestra_stream.cli.interrupts import Interrupts
from kestra_stream.cli.run import followed
from kestra_stream.cli.session import Session, Terms
from kestra_stream.errors import NotFound
from kestra_stream.models.execution import Execution
from kestra_stream.models.flow import Flow
from kestra_stream.runtime.past import read_entries, read_history

TENANT = "main"
_MOST_FAMILY = 50
_CLOCKS_DIFFER = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be started, as the command line says it."""

    names: Sequence[str]
    revision: int
    inputs: Sequence[str]
    labels: Sequence[str]


def start(client: Client, wish: Wish, terms: Terms | None, patience: float, output: str) -> int:
    """Start a flow that the log knows; with terms follow it to its end. Return the exit code.

    Raises:
        NotFound: there is no such flow.
        Invalid: an input or label is wrong.
    """
    flow = find_flow(client, wish.names, wish.revision)
    values: Mapping[str, Any] = given_inputs(flow, wish.inputs)
    head = client.executions.create(flow, values, given_labels(wish.labels))
    client.follower.follow(head.id)
    if terms is not None:
        return watched(client, head, terms, output)
    return tell_answer(started(client, head, patience), patience, output)


def find_flow(client: Client, names: Sequence[str], revision: int) -> Flow:
    """Return a flow by `NAMESPACE.FLOW` or by both names; ids of flows may hold dots, too.

    Raises:
        NotFound: there is none.
    """
    for namespace, flow_id in _readings(names):
        flow = client.door.flow(TENANT, namespace, flow_id, revision)
        if flow is not None:
            return flow
    name = ".".join(names) + (f" revision {revision}" if revision else "")
    raise NotFound(f"there is no flow {name} on this log; `kestra-stream run FLOW.yaml -c FILE` saves one and runs it")


def _readings(names: Sequence[str]) -> list[tuple[str, str]]:
    if len(names) > 1:
        return [(names[0], names[1])]
    parts = names[0].split(".")
    return [(".".join(parts[:place]), ".".join(parts[place:])) for place in range(len(parts) - 1, 0, -1)]


def follow(client: Client, execution_id: str, terms: Terms, output: str) -> int:
    """Follow an execution that there is to its end; return the exit code.

    Raises:
        NotFound: the log knows nothing of it.
    """
    known = reach(client, execution_id)
    since = known.head.state.start_date - _CLOCKS_DIFFER
    for one in _family(client, execution_id, since):
        lines, metrics = read_entries(client.door.log, one, since)
        client.follower.begin_with(lines)
        client.follower.begin_with(metrics)
    return watched(client, known.head, terms, output)


def _family(client: Client, execution_id: str, since: datetime) -> list[str]:
    """Read what was of the executions that an execution has called so far, as their runs name them; return the ids of all."""
    ids = [execution_id]
    for one in ids:
        runs = list(client.follower.executions[one].runs.values()) if one in client.follower.executions else []
        called = [outputs["executionId"] for run in runs if isinstance((outputs := run.outputs or {}).get("executionId"), str)]
        for child in called[: _MOST_FAMILY - len(ids)]:
            if child not in ids:
                client.follower.follow(child)
                client.follower.begin_with(moment.event for moment in read_history(client.door.log, child, client.now(), since).moments)
                ids.append(child)
    return ids


def watched(client: Client, head: Execution, terms: Terms, output: str) -> int:
    """Show an execution until it ends or somebody leaves; return the exit code."""
    interrupts = Interrupts()
    with interrupts.counted():
        return followed(client, head, Session(client, head.id, terms, interrupts), output)


def answered(client: Client, answer: Answer, terms: Terms | None, patience: float, output: str) -> int:
    """Print what came of an order, or follow the execution that it is about to its end; return the exit code."""
    if terms is None or not answer.is_done:
        return tell_answer(answer, patience, output)
    return watched(client, answer.head, terms, output)
