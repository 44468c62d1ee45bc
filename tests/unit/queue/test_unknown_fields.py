"""Two versions side by side: what a newer peer has added to any model, at any depth, is passed over by an older one."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from kestra_stream.models.messages import TaskJob
from kestra_stream.queue.serde import from_bytes, to_bytes
from kestra_stream.topics import TOPICS, WORKER_JOB, Topic
from tests.unit.queue.test_serde import PLAIN, TEXT, values

ADDED = st.dictionaries(TEXT.map("newer_{}".format), PLAIN, max_size=2)


def with_unknown_fields(value: object, written: Any, draw: st.DataObject) -> Any:
    """Return a value's JSON with random fields added to every model of ours in it."""
    if isinstance(value, BaseModel):
        return {**written, **draw.draw(ADDED)}
    if is_dataclass(value):
        own = {field.name: with_unknown_fields(getattr(value, field.name), written[field.name], draw) for field in fields(value)}
        return {**draw.draw(ADDED), **own}
    if isinstance(value, tuple) and isinstance(written, list):
        return [with_unknown_fields(item, inside, draw) for item, inside in zip(value, written, strict=True)]
    return written


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_fields_that_nobody_here_knows_change_nothing(topic: Topic) -> None:
    @settings(max_examples=60, deadline=None)
    @given(values(topic.value), st.data())
    def change_nothing(value: Any, draw: st.DataObject) -> None:
        newer = with_unknown_fields(value, json.loads(to_bytes(value) or b"null"), draw)
        assert from_bytes(topic, to_bytes(newer)) == value

    change_nothing()


def test_a_part_of_a_flow_that_refuses_unknown_fields_in_yaml_passes_over_them_on_a_topic() -> None:
    retry: Mapping[str, Any] = {"type": "constant", "interval": "PT1S", "backoffWindow": "PT1M"}
    job = {
        "kind": "task",
        "execution_id": "e",
        "namespace": "n",
        "flow_id": "f",
        "flow_revision": 1,
        "task_id": "t",
        "task_run_id": "r",
        "epoch": 1,
        "attempt": 0,
        "created_at": "2030-01-01T00:00:00Z",
        "retry": retry,
    }
    read = from_bytes(WORKER_JOB, to_bytes(job))
    assert isinstance(read, TaskJob)
    assert read.retry is not None
    assert read.retry.type == "constant"
