"""Record stories: `python -m tests.replay.record NAME` plays flows of tests/flows and writes `recorded/NAME.jsonl.gz`.

A file is recorded once, by the release that it is named after, and kept for ever: later releases must read it and come to the same.
Each story is there as it went, and once more with reports of workers that come twice and late.
"""

import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from kestra_stream.executor.processor import Executor
from kestra_stream.queue.interface import Record, Transaction
from kestra_stream.queue.serde import SCHEMA_VERSION
from kestra_stream.topics import EXECUTION_EVENT, FLOW
from tests.flows.performance import FLOWS, HERE, expectation
from tests.flows.test_conformance import play
from tests.replay.playback import RECORDED, Step, Story, lines_of, plain, writes_of
from tests.unit.plugin.core.server import serving

ENVIRONMENT = {"SECRET_TOKEN": "b3Blbi1zZXNhbWU=", "ENV_PLANET": "earth"}
EVERY = 4
LATER = 3
REPORTS = frozenset({"task_run_started", "task_run_ended", "subflow_ended"})


def recorded(path: Path, folder: Path, server: str) -> Story:
    """Play a story and return what the executor has read and written."""
    heard: list[Record] = []
    told: list[list[Any]] = []
    process = Executor.process

    def noting(executor: Executor, records: Sequence[Record], now: datetime) -> Transaction:
        transaction = process(executor, records, now)
        heard.extend(records)
        told.extend(lines_of(transaction))
        return transaction

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Executor, "process", noting)
        stage = play(path, folder, server)
    sources = stage.driver.log.consumer("", (FLOW,)).poll(10_000, 0)
    flows = sorted(((record.timestamp, plain(record.value)) for record in sources), key=lambda flow: flow[0])
    name = str(path.relative_to(HERE).with_suffix(""))
    story = with_writes(Story(name, SCHEMA_VERSION, flows, [Step(record.timestamp, record.key, plain(record.value)) for record in heard]))
    if events(told) != events(line for step in story.steps for line in step.writes):
        raise SystemExit(f"{name}: does not go as it went; is something else than the inbox and the flows read?")
    return story


def events(lines: Any) -> dict[str, list[Any]]:
    """Return the events of each execution, in order."""
    found: dict[str, list[Any]] = {}
    for topic, key, *_, value in lines:
        if topic == EXECUTION_EVENT.name:
            found.setdefault(key, []).append(value)
    return found


def with_writes(story: Story) -> Story:
    """Add what an executor writes to a story's steps."""
    steps = [replace(step, writes=writes) for step, writes in zip(story.steps, writes_of(story), strict=True)]
    return replace(story, steps=steps)


def twice_and_late(story: Story) -> Story:
    """Every report of a worker or child comes a second time, a few records later."""
    places: list[tuple[float, Step]] = []
    for place, step in enumerate(story.steps):
        places.append((place, step))
        if step.value["kind"] in REPORTS:
            places.append((place + LATER + 0.5, step))
    places.sort(key=lambda pair: pair[0])
    steps: list[Step] = []
    for _, step in places:
        at = max(step.at, steps[-1].at) if steps else step.at
        steps.append(replace(step, at=at, writes=()))
    return with_writes(replace(story, name=f"{story.name}, reports twice and late", steps=steps))


def line_of(story: Story) -> str:
    """Return the line that tells a story."""
    flows = [[at.isoformat(), value] for at, value in story.flows]
    steps = [[step.at.isoformat(), step.key, step.value, step.writes] for step in story.steps]
    return json.dumps({"schema": story.schema, "story": story.name, "flows": flows, "steps": steps}, ensure_ascii=False) + "\n"


def stories(server: str) -> Iterator[Story]:
    """Play a good variety of all that there is."""
    for path in FLOWS[::EVERY]:
        expected = expectation(path)
        if "refused" in expected or "server" in expected.get("inputs", {}):
            continue
        with TemporaryDirectory() as folder:
            story = recorded(path, Path(folder), server)
        if story.steps:
            yield story
            yield twice_and_late(story)


def main(name: str) -> None:
    """Write a file of stories; one that is there stays as it is."""
    target = RECORDED / f"{name}.jsonl.gz"
    if target.exists():
        raise SystemExit(f"{target} was recorded before: it is never changed; take another name")
    RECORDED.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, serving() as server:
        for variable, value in ENVIRONMENT.items():
            patch.setenv(variable, value)
        lines = [line_of(story) for story in stories(server.url)]
    target.write_bytes(gzip.compress("".join(lines).encode(), 9, mtime=0))
    print(f"{len(lines)} stories, {target.stat().st_size} bytes")  # noqa: T201 - a command


if __name__ == "__main__":
    main(sys.argv[1])
