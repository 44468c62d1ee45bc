"""Recorded stories: what the executor read from its inbox, and what it wrote, as bytes of the topics, one story a line.

Each line of `recorded/*.jsonl.gz` is {"schema", "story", "flows": [[moment, value]], "steps": [[moment, key, value, writes]]}, with
`writes` as [topic, key, value] for a record and [topic, key, part, value] for a change of state. Values are as the topic has them.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from kestra_stream.engine.plan import Server
from kestra_stream.executor.plans import Plans
from kestra_stream.executor.processor import Executor
from kestra_stream.indexer.processor import Indexer
from kestra_stream.models.flow import Flow
from kestra_stream.plugin.context.encryption import Vault
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.queue.interface import ALL_PARTS, Record, Transaction
from kestra_stream.queue.serde import from_bytes, to_bytes
from kestra_stream.repository.memory import memory_repository
from kestra_stream.testing.workers import ENCRYPTION_KEY
from kestra_stream.topics import EXECUTION_EVENT, EXECUTION_INBOX, EXECUTOR_STATE, FLOW, TOPICS

RECORDED = Path(__file__).parent / "recorded"
BY_NAME = {topic.name: topic for topic in TOPICS}
Written = tuple[Any, ...]
Change = Callable[[Any], Any]
SURROUNDINGS: Mapping[str, Mapping[str, Any]] = {
    "envs": {},
    "globals": {"place": "here"},
    "kestra": {"url": "http://kestra.test", "environment": "test"},
}


def same(value: Any) -> Any:
    """Change nothing."""
    return value


@dataclass(frozen=True, slots=True)
class Step:
    """One record of the inbox, and what the executor wrote for it."""

    at: datetime
    key: str
    value: Any
    writes: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """One recorded story; values are JSON as it lay on the topics."""

    name: str
    schema: int
    flows: Sequence[tuple[datetime, Any]]
    steps: Sequence[Step]


def read(path: Path) -> Iterator[Story]:
    """Read the stories of a file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            told = json.loads(line)
            flows = [(datetime.fromisoformat(at), value) for at, value in told["flows"]]
            steps = [Step(datetime.fromisoformat(at), *rest) for at, *rest in told["steps"]]
            yield Story(told["story"], told["schema"], flows, steps)


def writes_of(story: Story, change: Change = same, cut: int = 0) -> Iterator[list[list[Any]]]:
    """Let an executor read a story's inbox; yield what it writes for each record, as JSON.

    Args:
        story: what is read.
        change: what is done to each recorded value of the inbox before it is read.
        cut: with how many steps an executor that has died had come; another takes over from what was stored.
    """
    repository = memory_repository()
    indexer = Indexer(repository.executions, repository.logs, repository.metrics)
    flows = _Flows(story)
    plans = Plans(flows.find, Vault(ENCRYPTION_KEY), Server(SURROUNDINGS))

    def history(execution_id: str) -> Any:
        executions = repository.executions
        head = executions.get(execution_id)
        return None if head is None else (head, executions.task_runs(execution_id), executions.sequence(execution_id))

    def index(lines: Iterable[Sequence[Any]]) -> None:
        events = [decoded(line) for line in lines if line[0] == EXECUTION_EVENT.name]
        indexer.process([Record(EXECUTION_EVENT.name, 0, 0, key, value, step.at) for _, key, value in events], step.at)

    executor = Executor(plans, history)
    for step in story.steps[:cut]:
        flows.save_until(step.at)
        index(step.writes)
    executor.assigned(frozenset(), {0: state_after(story.steps[:cut])})
    if executor.wake_at() is not None and cut:
        executor.process((), story.steps[cut - 1].at)
        executor.committed()
    for number, step in enumerate(story.steps[cut:]):
        flows.save_until(step.at)
        value = from_bytes(EXECUTION_INBOX, to_bytes(change(step.value)))
        transaction = executor.process([Record(EXECUTION_INBOX.name, 0, number, step.key, value, step.at)], step.at)
        executor.committed()
        lines = lines_of(transaction)
        index(lines)
        yield lines


def state_after(steps: Sequence[Step]) -> dict[str, dict[str, Any]]:
    """Return the state that recorded steps have stored."""
    found: dict[str, dict[str, Any]] = {}
    for line in (line for step in steps for line in step.writes if line[0] == EXECUTOR_STATE.name):
        _, owner, part, value = decoded(line)
        if part == ALL_PARTS:
            found.pop(owner, None)
        elif value is None:
            found.get(owner, {}).pop(part, None)
        else:
            found.setdefault(owner, {})[part] = value
    return found


class _Flows:
    """The flows of a story, each from the moment on at which it was saved."""

    def __init__(self, story: Story) -> None:
        self._coming = list(story.flows)
        self._saved: dict[tuple[str, str, str, int], Flow] = {}

    def find(self, tenant: str, namespace: str, flow_id: str, revision: int) -> Flow | None:
        return self._saved.get((tenant, namespace, flow_id, revision))

    def save_until(self, moment: datetime) -> None:
        while self._coming and self._coming[0][0] <= moment:
            source = from_bytes(FLOW, to_bytes(self._coming.pop(0)[1]))
            flow = parse_flow(source.source).model_copy(update={"revision": source.revision, "tenant_id": source.tenant_id})
            self._saved[*flow.uid, flow.revision] = self._saved[*flow.uid, 0] = flow


def lines_of(transaction: Transaction) -> list[list[Any]]:
    """Return what a transaction writes as plain JSON."""
    records = [[record.topic.name, record.key, plain(record.value)] for record in transaction.records]
    state = sorted(
        transaction.state, key=lambda change: (change.owner, change.part)
    )  # of each part there is one change: their order means nothing
    return records + [[EXECUTOR_STATE.name, change.owner, change.part, plain(change.value)] for change in state]


def plain(value: object) -> Any:
    """Return a value as its JSON."""
    return json.loads(to_bytes(value) or b"null")


def decoded(line: Sequence[Any]) -> Written:
    """Return what was written with its value as the present types have it."""
    *place, value = line
    if value is None:
        return (*place, None)
    payload = to_bytes(value)
    if place[0] != EXECUTOR_STATE.name:
        return (*place, from_bytes(BY_NAME[place[0]], payload))
    kind = place[2].partition("/")[0]
    return (*place, TypeAdapter((EXECUTOR_STATE.parts or {})[kind]).validate_json(payload, extra="ignore"))
