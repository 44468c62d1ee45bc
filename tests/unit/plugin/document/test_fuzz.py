"""Fuzzing of flow documents: whatever a text holds, only faults come out, each with its place, and soon."""

import random
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kestra_stream.document.yaml_reader import load_documents
from kestra_stream.plugin.flow_source import parse_flows

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[4]
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
SCRAPS = [
    "\t", "\n", "  ", "- ", ": ", "{", "}", "[", "]", "&a ", "*a", "<<: *a\n", "|\n", ">-\n", "'", '"', "#", "{{", "}}", "{% if %}", "---\n",
    "...\n", "!!python/object:os.system ", "? ", "\ufeff", "\x00", "\u2028", "😀", "null", "~", "-0", "1e999", "0x", "9" * 5000, "- - - - ", "%YAML 1.1\n",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, -1, 2**70, 1.5, float("inf"), float("nan"), "", " ", "x", "{{", "{{ x }}", "PT1S", "P99999999999D", "[" * 300, "😀", "a.b", "system.x",
    [], [None], [[]], {}, {"type": None}, {"type": "io.kestra.plugin.core.log.Log"}, {"id": "a", "type": "io.kestra.plugin.core.flow.Dag", "tasks": [1]},
    {"": ""}, [{"key": "a", "value": []}], {"type": ["x"]}, {"id": {"a": 1}}, "2023-01-01", "99999999-99-99", "*/0 * * * *", "(a+)+$", "io.kestra.",
]  # fmt: skip


@cache
def texts() -> tuple[str, ...]:
    paths = [path for folder in ("tests/flows", "examples") for path in sorted((ROOT / folder).rglob("*.yaml"))]
    return tuple(path.read_text(encoding="utf-8") for path in paths if "expected" not in path.name)


def check(text: str) -> None:
    """Only faults come out; a flow comes out when there are none; each has a place inside of the text."""
    lines = text.count("\n") + text.count("\r") + text.count("\u2028") + text.count("\u2029") + text.count("\x85") + 2
    for parsed in parse_flows(text, "flow.yaml"):
        assert (parsed.flow is None) == bool(parsed.faults)
        for fault in (*parsed.faults, *parsed.warnings, *parsed.infos):
            assert fault.message
            assert 1 <= fault.line <= lines
            assert fault.column >= 1
            assert len(fault.message) < 20_000


@QUICK
@given(st.data())
def test_texts_of_real_flows_with_scraps_in_them(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(texts()))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 20)))
        text = text[:start] + data.draw(st.sampled_from(SCRAPS)) + text[end:]
    check(text)


@QUICK
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    check(text)


@QUICK
@given(st.lists(st.sampled_from(SCRAPS), max_size=30).map("".join))
def test_texts_of_nothing_but_scraps(text: str) -> None:
    check(text)


@QUICK
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_documents_of_real_flows_with_parts_deleted_doubled_swapped_and_replaced(seed: int, times: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed is what is wanted
    document = deepcopy(chance.choice([one.data for one in load_documents(chance.choice(texts()))]))
    for _ in range(times):
        mutate(document, chance)
    check(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))


def mutate(document: Any, chance: random.Random) -> None:
    """Change one place of a document."""
    places = list(walk(document))
    if not places:
        return
    whole, key = chance.choice(places)
    match chance.randrange(5):
        case 0:
            del whole[key]
        case 1 if isinstance(whole, list):
            whole.append(deepcopy(whole[key]))
        case 2:
            other, place = chance.choice(places)
            whole[key], other[place] = deepcopy(other[place]), deepcopy(whole[key])
        case 3 if isinstance(whole, dict):
            whole[chance.choice(["", "x", "type", "id", "tasks", "retry", "errors", f"{key}s"])] = deepcopy(chance.choice(VALUES))
        case _:
            whole[key] = deepcopy(chance.choice(VALUES))


def walk(value: Any) -> Any:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from walk(item)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize(
    "name", ["labels", "inputs", "outputs", "tasks", "triggers", "retry", "sla", "checks", "pluginDefaults", "concurrency", "id"]
)
def test_every_root_property_takes_any_value_without_harm(name: str, value: Any) -> None:
    document = load_documents(texts()[0])[0].data
    check(yaml.safe_dump({**document, name: deepcopy(value)}, allow_unicode=True))
