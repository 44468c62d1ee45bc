"""What the expressions of these tests see: the context of the reference's own run, a fixed clock, predictable bytes."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from kestra_stream.expression import Budget, Environment, compile_template

NOW = datetime(2026, 11, 24, 2, 25, 39, 793646, tzinfo=UTC)
RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "expressions.json").read_text(encoding="utf-8"))
START = datetime(2026, 11, 24, 2, 25, 38, 972534, tzinfo=UTC)


class CountingBytes:
    """Bytes that count up: the same render always draws the same ones."""

    def __init__(self) -> None:
        self.drawn = 0

    def random_bytes(self, count: int) -> bytes:
        """Draw bytes."""
        start = self.drawn
        self.drawn += count
        return bytes((start + index) * 37 % 251 for index in range(count))


def environment(functions: Mapping[str, Any] | None = None, *, recursive: bool = False, budget: Budget | None = None) -> Environment:
    """Give an environment with a fixed clock in UTC."""
    return Environment(
        now=lambda: NOW, zone=UTC, random=CountingBytes(), functions=functions or {}, recursive=recursive, budget=budget or Budget()
    )


def render(source: str, /, *, functions: Mapping[str, Any] | None = None, budget: Budget | None = None, **variables: Any) -> str:
    """Render a text with the variables given by name."""
    return compile_template(source).render(variables, environment(functions, budget=budget))


def evaluate(source: str, /, *, functions: Mapping[str, Any] | None = None, budget: Budget | None = None, **variables: Any) -> Any:
    """Evaluate a text with the variables given by name."""
    return compile_template(source).evaluate(variables, environment(functions, budget=budget))


def reference_context() -> dict[str, Any]:
    """Build the context that the reference had when it evaluated `expressions.json`."""
    flow = yaml.safe_load(RECORDED["flow"])
    variables = {key: value for key, value in flow["variables"].items() if value is not None}
    return {
        "vars": variables,
        "inputs": {
            "str": "in",
            "js": {"a": "b", "l": [1, {"z": 2}]},
            "dt": "2019-10-06T18:27:49Z",
            "da": "2019-10-06",
            "ti": "18:27:49",
            "du": 306.0,
            "fl": 42.42,
            "it": 7,
            "bo": True,
            "ar": [1, 2, 3],
            "nested": {"x": "deep"},
        },
        "outputs": {
            "w": {"uri": "kestra:///lab/expr/w.txt"},
            "with-dash": {"value": "dash"},
            "ov": {"values": {"o": {"k": "v"}, "x": 1, "y": "two", "z": [1, 2]}},
            "kv": {},
        },
        "labels": {"team": "core", "env": "prod", "system": {"correlationId": "4xKODW6emPTa6iZXl4fqus"}},
        "flow": {"id": "exprs", "namespace": "lab.expr", "revision": 1, "tenantId": "main"},
        "execution": {"id": "4xKODW6emPTa6iZXl4fqus", "state": "SUCCESS", "startDate": START, "originalId": "4xKODW6emPTa6iZXl4fqus"},
        "taskrun": {"id": "6cHhbFXXU5QIVp90TQoD8M", "startDate": NOW, "attemptsCount": 1},
        "task": {"id": "w", "type": "io.kestra.plugin.core.storage.Write"},
        "envs": {"test1": "true"},
        "globals": {"string": "string", "int": 1, "bool": True, "nested": {"int": 2}},
        "kestra": {"url": "http://127.0.0.1:18080/"},
        "tasks": {},
    }


def reference_functions() -> dict[str, Any]:
    """Supply the functions that need IO, as far as the recorded expressions use them."""
    return {
        "secret": lambda _key, subkey=None: "******",  # noqa: ARG005 - the reference masks whatever it finds
        "kv": lambda key, errorOnMissing=True: {"k1": {"a": 1}}.get(key),  # noqa: ARG005, N803 - named as templates do
        "read": lambda _uri: "file content\nl2",
        "fileURI": lambda path: f"kestra:///lab/expr/_files/{path}",
        "fileSize": lambda _uri: 15,
        "fileExists": lambda _uri: True,
        "isFileEmpty": lambda _uri: False,
        "encrypt": lambda _key, text: base64.b64encode(b"nonce and tag" + text.encode()).decode(),
        "decrypt": lambda _key, text: base64.b64decode(text).removeprefix(b"nonce and tag").decode(),
    }
