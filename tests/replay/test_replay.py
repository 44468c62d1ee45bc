"""What was recorded once decodes and replays to the same for ever; older and newer releases may write beside this one.

A story that does not go as it was recorded means that a log of an older release would not be continued as it began. Where that is
wanted (a fault of the engine is gone), the changelog says so and the story is recorded anew, under the name of the next release.
"""

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel

from kestra_stream.queue.serde import SCHEMA_VERSION, from_bytes, to_bytes
from kestra_stream.topics import EXECUTION_INBOX
from tests.replay.playback import RECORDED, Change, Story, decoded, read, same, writes_of

FILES = sorted(RECORDED.glob("*.jsonl.gz"))


@cache
def stories() -> tuple[Story, ...]:
    return tuple(story for path in FILES for story in read(path) if story.schema == SCHEMA_VERSION)


def differences(story: Story, change: Change = same, cut: int = 0) -> Iterator[str]:
    """Name the steps of a story after which something else was written than is recorded."""
    steps = story.steps[cut:]
    for number, (step, lines) in enumerate(zip(steps, writes_of(story, change, cut), strict=True), cut):
        if lines != step.writes and [*map(decoded, known(lines, step.writes))] != [*map(decoded, step.writes)]:
            yield f"{story.name}: step {number}, {step.value['kind']} of {step.key}"


def known(lines: Sequence[Sequence[Any]], recorded: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return what is written now without the fields that models did not have when it was recorded."""
    if len(lines) != len(recorded):
        return [list(line) for line in lines]
    return [[*line[:-1], as_then(decoded(line)[-1], line[-1], then[-1])] for line, then in zip(lines, recorded, strict=True)]


def as_then(value: object, written: Any, then: Any) -> Any:
    """Leave out of every model of ours the fields that its record of then lacks."""
    if is_dataclass(value) and isinstance(then, dict):
        return {
            field.name: as_then(getattr(value, field.name), written[field.name], then[field.name])
            for field in fields(value)
            if field.name in then
        }
    if isinstance(value, tuple) and isinstance(written, list) and isinstance(then, list) and len(written) == len(then):
        return [as_then(item, inside, before) for item, inside, before in zip(value, written, then, strict=True)]
    return written


def all_differences(change: Change = same) -> list[str]:
    return [difference for story in stories() for difference in differences(story, change)]


def test_something_is_recorded_in_a_good_variety() -> None:
    kinds = {step.value["kind"] for story in stories() for step in story.steps}
    written = {line[0] for story in stories() for step in story.steps for line in step.writes}
    assert len(stories()) > 100
    assert {
        "create",
        "task_run_started",
        "task_run_ended",
        "timer_fired",
        "subflow_ended",
        "kill",
        "resume",
        "restart",
        "replay",
        "admitted",
    } <= kinds
    assert {"execution_inbox", "execution_event", "executor_state", "worker_job", "limiter_inbox", "log", "kill"} <= written


def test_what_was_recorded_replays_to_the_same_states_and_events() -> None:
    assert all_differences() == []


def test_an_executor_that_takes_over_from_the_recorded_state_goes_on_the_same() -> None:
    assert [difference for story in stories() for difference in differences(story, cut=len(story.steps) // 2)] == []


def test_a_newer_producer_that_adds_fields_changes_nothing() -> None:
    def newer(value: Any) -> Any:
        return with_news(from_bytes(EXECUTION_INBOX, to_bytes(value)), value)

    assert all_differences(newer) == []


def test_an_older_producer_that_lacks_fields_changes_nothing() -> None:
    def older(value: Any) -> Any:
        return without_defaults(from_bytes(EXECUTION_INBOX, to_bytes(value)), value)

    left_out = sum(len(step.value) - len(older(step.value)) for step in stories()[0].steps)
    assert left_out > 0
    assert all_differences(older) == []


def with_news(value: object, written: Any) -> Any:
    """Add fields that nobody knows to every model of ours in a value."""
    if isinstance(value, BaseModel):
        return {**written, "newerField": [1]}
    if is_dataclass(value):
        own = {field.name: with_news(getattr(value, field.name), written[field.name]) for field in fields(value) if field.name in written}
        return {"newer_field": {"kind": "newer"}, **own, "another": None}
    if isinstance(value, tuple) and isinstance(written, list):
        return [with_news(item, inside) for item, inside in zip(value, written, strict=True)]
    return written


def without_defaults(value: object, written: Any) -> Any:
    """Leave out of every model of ours what is at its default, but for its kind."""
    if is_dataclass(value):
        own = {field.name: getattr(value, field.name) for field in fields(value)}
        defaults = {
            field.name: field.default if field.default_factory is MISSING else field.default_factory()
            for field in fields(value)
            if field.name != "kind"
        }
        return {
            name: without_defaults(item, written[name])
            for name, item in own.items()
            if name in written and (name not in defaults or item != defaults[name])
        }
    if isinstance(value, tuple) and isinstance(written, list):
        return [without_defaults(item, inside) for item, inside in zip(value, written, strict=True)]
    return written


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recorded_file_is_small(path: Any) -> None:
    assert path.stat().st_size < 500_000
