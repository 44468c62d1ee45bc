"""Outputs that are huge, or no data at all."""

import math
from collections.abc import Callable
from decimal import Decimal
from threading import Lock
from typing import Any

import pytest

from tests.bad_input.bench import Bench, Does

pytestmark = pytest.mark.slow


class Broken:
    """A value whose class fails."""

    def __str__(self) -> str:
        raise ValueError("no text")


def cycle() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def returning(outputs: Any) -> Callable[[Any], Any]:
    def work(_: Any) -> Any:
        return outputs

    return work


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        ({"v": cycle()}, "the output `v` is nested too deeply, or contains itself"),
        ({"v": nested(10_000)}, "the output `v` is nested too deeply, or contains itself"),
        ({"v": nested(300)}, "`v` is nested more than 254 levels deep"),
        ({"v": Broken()}, "the output `v` cannot be written as data: ValueError: no text"),
        ([1], "a task returns its outputs as a map or a TaskOutput, not as a list"),
        ("text", "a task returns its outputs as a map or a TaskOutput, not as a str"),
        ({f"k{n}": n for n in range(100_000)}, "100000 values that are too many for a message"),
        ({"v": "x" * 200_000_001}, "more than the 200000000 bytes that may be handed on; write a file instead"),
    ],
    ids=["cycle", "10,000 levels", "300 levels", "broken", "list", "text", "100,000 keys", "200 MB"],
)
def test_outputs_that_cannot_travel_fail_their_task(bench: Bench, outputs: Any, told: str) -> None:
    story = bench.end(bench.does(returning(outputs)))
    assert (story.state, len(story.errors)) == ("FAILED", 1)
    assert told in story.errors[0]


def test_outputs_of_any_kind_become_data(bench: Bench) -> None:
    values = {
        "nan": math.nan,
        "infinite": [-math.inf],
        "huge": 10**5000,
        "long": 2**70,
        "decimal": Decimal("NaN"),
        "bytes": b"\xff\0",
        "set": {1},
        "lock": Lock().__class__,
        "keys": {1: 2, None: 3, True: 4, (1, 2): 5},
        "half\ud800": "\udfff",
        "imaginary": 1j,
        "": 1,
    }
    story = bench.end(bench.does(returning(values)))
    outputs = dict(story.run("bad").outputs or {})
    assert story.state == "SUCCESS"
    assert (outputs["nan"], outputs["infinite"], outputs["long"], outputs["decimal"]) == (None, [None], str(2**70), None)
    assert (outputs["bytes"], outputs["set"], outputs[""]) == ("/wA=", [1], 1)
    assert outputs[next(name for name in outputs if name.startswith("half"))] == "?"


@pytest.mark.parametrize("value", [["x" * 1000] * 150_000, list(range(1_000_000))], ids=["150 MB", "a million"])
def test_a_big_output_goes_to_storage_and_comes_back(bench: Bench, value: list[Any]) -> None:
    more_tasks = """
  - {id: length, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.bad.v | length }}"}
  - {id: branch, type: io.kestra.plugin.core.flow.If, condition: "{{ (outputs.bad.v | length) > 1000 }}",
     then: [{id: last, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.bad.v | last }}"}]}
"""
    story = bench.end(bench.does(returning({"v": value}), after=more_tasks))
    assert story.state == "SUCCESS", story.errors
    assert set((story.run("bad").outputs or {})["v"]) == {"$spilled", "size"}
    assert (story.run("length").outputs, story.run("last").outputs) == ({"value": str(len(value))}, {"value": str(value[-1])})


def test_a_claim_that_was_made_up_opens_nothing(bench: Bench) -> None:
    bench.engine.backend.storage.put("main", "kestra:///other/_kv/password.ion", b'"hush"')
    forged = {"v": {"$spilled": "kestra:///other/_kv/password.ion", "size": 6}}
    after = '  - {id: thief, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.bad.v }}"}'
    story = bench.end(bench.does(returning(forged), after=after))
    assert story.state == "FAILED"
    assert "names no value that was stored for being big" in story.errors[0]
    assert "hush" not in f"{story}"


CHILD = """
id: child
namespace: tests.bad
inputs: [{id: big, type: STRING}]
tasks: [{id: same, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.big }}"}]
outputs: [{id: back, type: STRING, value: "{{ outputs.same.value }}"}]
"""
EVERYWHERE = """
  - {id: sub, type: io.kestra.plugin.core.flow.Subflow, namespace: tests.bad, flowId: child, inputs: {big: "{{ outputs.bad.v }}"}}
  - {id: back, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.sub.outputs.back | length }}"}
  - {id: run, type: io.kestra.plugin.core.debug.Return, runIf: "{{ (outputs.bad.v | length) == 300000 }}", format: yes}
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{ outputs.bad.rows }}"
    tasks: [{id: one, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.bad.rows[2999] | length }}"}]
  - {id: cached, type: tests.Does, work: big, taskCache: {enabled: true}}
outputs:
  - {id: size, type: INT, value: "{{ outputs.bad.v | length }}"}
  - {id: text, type: STRING, value: "{{ outputs.bad.v }}"}
"""


def test_a_value_in_storage_is_used_like_any_other(bench: Bench) -> None:
    bench.end(bench.start(CHILD, {"big": "x"}))
    work = returning({"v": "x" * 300_000, "rows": ["y" * 100] * 3000})
    Does.works["big"] = work
    for _ in range(2):
        story = bench.end(bench.does(work, after=EVERYWHERE))
        assert story.state == "SUCCESS", story.errors
        assert story.head.outputs == {"size": 300_000, "text": "x" * 300_000}
        values = [(story.run(task).outputs or {})["value"] for task in ("back", "run", "one")]
        assert values == ["300000", "yes", "100"]
        assert set((story.run("cached").outputs or {})["v"]) == {"$spilled", "size"}
