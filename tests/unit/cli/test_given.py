"""What `-i`, `-l` and `--timeout` mean."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kestra_stream.cli.given import given_inputs, given_labels, given_timeout
from kestra_stream.engine.inputs import resolve_inputs
from kestra_stream.errors import Invalid
from kestra_stream.models.execution import Label
from kestra_stream.models.flow import Flow
from kestra_stream.plugin.flow_source import parse_flow


def flow(inputs: str) -> Flow:
    return parse_flow(f"id: f\nnamespace: n\ninputs: [{inputs}]\ntasks: [{{id: a, type: io.kestra.plugin.core.log.Log, message: x}}]")


def resolved(one: str, *pairs: str) -> Mapping[str, Any]:
    asked = flow(one)
    return resolve_inputs(asked.inputs, given_inputs(asked, pairs), lambda text, _: text, encrypt=lambda text: {"sealed": text}).values


@pytest.mark.parametrize(
    ("properties", "content", "expected"),
    [
        ("type: STRING", "two\nlines\n", "two\nlines\n"),
        ("type: INT", "42\n", 42),
        ("type: FLOAT", " 4.5\n", 4.5),
        ("type: BOOL", "true\n", True),
        ("type: BOOLEAN", "TRUE\r\n", True),
        ("type: SELECT, values: [red, green]", "red\n", "red"),
        ("type: ENUM, values: [red, green]", "green\n", "green"),
        ("type: MULTISELECT, values: [red, green]", '["red"]\n', ["red"]),
        ("type: DATETIME", "2023-01-01T00:00:00Z\n", "2023-01-01T00:00:00Z"),
        ("type: DATE", "2023-01-02\n", "2023-01-02"),
        ("type: TIME", "11:27:49\n", "11:27:49"),
        ("type: DURATION", "PT5S\n", 5.0),
        ("type: JSON", '{"a": [1, null]}\n', {"a": [1, None]}),
        ("type: YAML", "a:\n  - 1\n", {"a": [1]}),
        ("type: URI", "https://example.org/x\n", "https://example.org/x"),
        ("type: EMAIL", "ada@example.org\n", "ada@example.org"),
        ("type: SECRET", "s3cret\n", {"sealed": "s3cret"}),
        ("type: ARRAY, itemType: INT", '[1, "2"]\n', [1, 2]),
    ],
)
def test_a_file_gives_the_value_of_any_type(tmp_path: Path, properties: str, content: str, expected: Any) -> None:
    file = tmp_path / "value"
    file.write_text(content)
    assert resolved(f"{{id: x, {properties}}}", f"x=@{file}") == {"x": expected}


def test_a_file_stays_a_file_for_a_file_input(tmp_path: Path) -> None:
    file = tmp_path / "data.bin"
    file.write_bytes(b"\xff\x00")
    assert given_inputs(flow("{id: x, type: FILE}"), [f"x=@{file}"]) == {"x": file}


def test_a_text_that_begins_with_the_sign_is_given_with_two() -> None:
    assert given_inputs(flow("{id: x, type: STRING}"), ["x=@@ada"]) == {"x": "@ada"}


def test_a_value_may_hold_the_equals_sign_or_nothing() -> None:
    assert given_inputs(flow("{id: x, type: STRING}, {id: y, type: STRING}"), ["x=a=b", "y="]) == {"x": "a=b", "y": ""}


@pytest.mark.parametrize(
    ("kind", "pair", "message"),
    [
        ("STRING", "x", "write name=value"),
        ("STRING", "y=1", "the flow has no input `y`"),
        ("STRING", "xx=1", "did you mean `x`"),
        ("STRING", "x=@nowhere", "write @@nowhere"),
        ("STRING", "x=@.", "is a folder"),
        ("FILE", "x=@nowhere", "there is no file nowhere"),
        ("FILE", "x=data.csv", "a file is given as x=@data.csv"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_the_remedy(kind: str, pair: str, message: str) -> None:
    with pytest.raises(Invalid, match=message.replace("`", ".")):
        given_inputs(flow(f"{{id: x, type: {kind}}}"), [pair])


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        given_inputs(flow("{id: x, type: STRING}"), ["y=1", "z", "x=@nowhere"])
    assert len(str(caught.value).splitlines()) == 3


def test_a_file_that_is_no_text_is_refused_for_a_text(tmp_path: Path) -> None:
    file = tmp_path / "binary"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Invalid, match="is not UTF-8 text"):
        given_inputs(flow("{id: x, type: JSON}"), [f"x=@{file}"])


def test_labels_are_pairs() -> None:
    assert given_labels(["a=1", "b=x=y"]) == [Label("a", "1"), Label("b", "x=y")]
    for wrong in ("a", "=1"):
        with pytest.raises(Invalid, match="write key=value"):
            given_labels([wrong])


@pytest.mark.parametrize(("text", "seconds"), [(None, None), ("30", 30.0), ("0.5", 0.5), ("PT1M", 60.0)])
def test_a_timeout_is_seconds_or_a_duration(text: str | None, seconds: float | None) -> None:
    assert given_timeout(text) == seconds


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "", "P1Y"])
def test_no_other_timeout_is_taken(text: str) -> None:
    with pytest.raises(Invalid, match="--timeout"):
        given_timeout(text)
