"""ForEachItem: three parts, cut as the batch says, merged in order."""

from pathlib import Path
from typing import Any

import pytest

from kestra_stream.models import behaviour as b
from kestra_stream.models.state import StateType
from kestra_stream.models.task import Task
from kestra_stream.plugin.core.rows import row_of
from kestra_stream.storage.local import LocalStorage
from kestra_stream.testing.driver import Driver
from tests.unit.plugin.core.files import content, stored
from tests.unit.plugin.core.written import CORE, core_task, task_faults
from tests.unit.plugin.script.attempts import Place

ROWS = b"a\nbb\nccc\ndddd\n"
CALLED = "namespace: company.team\nflowId: child"


def parts(properties: str) -> tuple[Task, ...]:
    behaviour = core_task("flow.ForEachItem", f"{CALLED}\n{properties}", "each").behaviour()
    assert isinstance(behaviour, b.Sequence)
    return behaviour.tasks


def split(place: Place, properties: str, rows: bytes = ROWS) -> Any:
    uri = stored(place, rows)
    result = place.run(parts(f"items: {uri}\n{properties}")[0])
    assert result.ended.state is StateType.SUCCESS, result.ended.error
    return result.outputs


def test_it_has_three_parts_and_the_middle_one_calls_the_flow() -> None:
    first, items, last = parts("items: kestra:///x\ninputs: {rows: '{{ taskrun.items }}'}\ntransmitFailed: false")
    assert [first.id, items.id, last.id] == ["each_split", "each_items", "each_merge"]
    assert items.behaviour() == b.CallFlow(
        namespace="company.team",
        flow_id="child",
        inputs={"rows": "{{ taskrun.items }}"},
        transmit_failed=False,
        batches="each_split",
    )
    assert isinstance(first.behaviour(), b.Run)
    assert isinstance(last.behaviour(), b.Run)


def test_nothing_is_merged_when_nobody_waits() -> None:
    assert [part.id for part in parts("items: kestra:///x\nwait: false")] == ["each_split", "each_items"]


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ("", [b"a\n", b"bb\n", b"ccc\n", b"dddd\n"]),
        ("batch: {rows: 3}", [b"a\nbb\nccc\n", b"dddd\n"]),
        ("batch: {partitions: 3}", [b"a\ndddd\n", b"bb\n", b"ccc\n"]),
        ("batch: {bytes: 5B, partitions: 3, rows: 1}", [b"a\nbb\n", b"ccc\n", b"dddd\n"]),
        ("batch: {rows: 2, separator: b}", [b"a\nbb", b"\nccc\ndddd\nb"]),
    ],
)
def test_batches_are_cut_as_asked(place: Place, batch: str, expected: list[bytes]) -> None:
    outputs = split(place, batch)
    assert outputs["numberOfBatches"] == len(expected)
    assert [content(place, f"{outputs['base']}/{number}.ion") for number in range(1, len(expected) + 1)] == expected
    listed = content(place, outputs["splits"]).decode().splitlines()
    assert listed == [f"{outputs['base']}/{number}.ion" for number in range(1, len(expected) + 1)]


def test_no_rows_are_no_batches(place: Place) -> None:
    assert split(place, "", b"")["numberOfBatches"] == 0


@pytest.mark.parametrize("items", ["hello", "file:///etc/passwd", "''"])
def test_items_are_a_stored_file(place: Place, items: str) -> None:
    result = place.run(parts(f"items: {items}")[0])
    assert result.ended.state is StateType.FAILED
    assert "items must be the URI of a file" in (result.ended.error or "")


def test_outputs_of_all_batches_are_one_row_each(place: Place) -> None:
    merged = place.run(parts("items: kestra:///x")[2], variables={"subflowOutputs": [{"n": 1}, {"n": 2}]})
    assert [row_of(line) for line in content(place, merged.outputs["subflowOutputs"]).splitlines()] == [{"n": 1}, {"n": 2}]
    assert place.run(parts("items: kestra:///x")[2]).outputs == {"subflowOutputs": None}


def test_a_flow_runs_for_each_batch(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.put("main", "kestra:///company/team/_files/rows.txt", ROWS)
    parent = f"""
id: parent
namespace: company.team
tasks:
  - id: each
    type: {CORE}flow.ForEachItem
    items: "{{{{ fileURI('rows.txt') }}}}"
    batch: {{rows: 2}}
    namespace: company.team
    flowId: child
    inputs: {{rows: "{{{{ taskrun.items }}}}", number: "{{{{ taskrun.iteration }}}}"}}
"""
    child = f"""
id: child
namespace: company.team
inputs: [{{id: rows, type: STRING}}, {{id: number, type: INT}}]
tasks: [{{id: log, type: {CORE}log.Log, message: x}}]
outputs:
  - {{id: text, type: STRING, value: "{{{{ inputs.number }}}} {{{{ read(inputs.rows) }}}}"}}
"""
    story = Driver(parent, child, storage=storage).run("parent")
    assert story.state is StateType.SUCCESS
    uri = (story.run("each_merge").outputs or {})["subflowOutputs"]
    with storage.get("main", uri) as file:
        assert [row_of(line) for line in file.read().splitlines()] == [{"text": "1 a\nbb\n"}, {"text": "2 ccc\ndddd\n"}]


def test_a_batch_has_a_size() -> None:
    assert "batch" in task_faults("flow.ForEachItem", f"items: x\n{CALLED}\nbatch: {{rows: many}}")
