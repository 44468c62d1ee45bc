"""Compiled render of 50 mixed expressions against Jinja2 with equivalent templates, both in this process, by turns.

Usage: python benchmarks/expressions.py [--json FILE] [--rounds N]
"""

import argparse
import json
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import jinja2

from kestra_stream.expression import Environment, compile_template

VARIABLES: dict[str, Any] = {
    "flow": {"id": "orders", "namespace": "company.team", "revision": 3},
    "execution": {"id": "4xKODW6emPTa6iZXl4fqus", "startDate": "2024-03-10T15:30:45.123456Z"},
    "taskrun": {"id": "6cHhbFXXU5QIVp90TQoD8M", "value": "b", "attemptsCount": 0},
    "inputs": {"name": "Ada", "count": 42, "rate": 0.25, "on": True, "tags": ["x", "y", "z"], "path": "a/b/c.csv", "blank": ""},
    "vars": {"greeting": "Hello", "limits": {"low": 1, "high": 100}, "rows": [{"id": n, "name": f"row {n}"} for n in range(10)]},
    "outputs": {"load": {"uri": "kestra:///x/y.ion", "rows": 1000}, "each": {"a": {"value": 1}, "b": {"value": 2}}},
    "labels": {"team": "core", "env": "prod"},
}

# (ours, Jinja2's) where the two languages write the same thing differently; a single text where they agree.
TEMPLATES: list[str | tuple[str, str]] = [
    "{{ flow.id }}",
    "{{ outputs.load.uri }}",
    "{{ outputs.load.rows }}",
    "{{ inputs.name }}",
    "{{ vars.limits.high }}",
    "{{ outputs.each[taskrun.value].value }}",
    "{{ outputs['load']['uri'] }}",
    "{{ vars.rows[3].name }}",
    "Hello {{ inputs.name }}!",
    "{{ vars.greeting }} {{ inputs.name }}, run {{ execution.id }} of {{ flow.namespace }}.{{ flow.id }}",
    "{{ inputs.count + 1 }}",
    "{{ inputs.count * 2 - 4 }}",
    ("{{ inputs.count / 5 }}", "{{ inputs.count // 5 }}"),
    "{{ inputs.count % 5 }}",
    "{{ inputs.rate * 100 }}",
    "{{ (inputs.count + 8) * 2 }}",
    "{{ inputs.count > 40 }}",
    "{{ inputs.count >= 40 and inputs.on }}",
    "{{ inputs.name == 'Ada' or inputs.count < 3 }}",
    "{{ not inputs.on }}",
    ("{{ inputs.on ? 'yes' : 'no' }}", "{{ 'yes' if inputs.on else 'no' }}"),
    ("{{ inputs.count > 100 ? 'big' : 'small' }}", "{{ 'big' if inputs.count > 100 else 'small' }}"),
    ("{{ inputs.missing ?? 'none' }}", "{{ inputs.missing | default('none') }}"),
    ("{{ inputs.name ?? 'none' }}", "{{ inputs.name | default('none') }}"),
    "{{ inputs.blank | default('empty', true) }}",
    "{{ inputs.name ~ '-' ~ flow.id ~ '-' ~ inputs.count }}",
    "{{ inputs.name | upper }}",
    "{{ inputs.name | lower }}",
    "{{ vars.greeting | lower | title }}",
    "{{ inputs.tags | join(', ') }}",
    "{{ inputs.tags | length }}",
    "{{ inputs.tags | first }}",
    "{{ inputs.tags | last }}",
    "{{ inputs.tags | sort | join('+') }}",
    "{{ inputs.path | replace('/', '_') }}",
    ("{{ inputs.path | replace({'/': '_'}) }}", "{{ inputs.path | replace('/', '_') }}"),
    "{{ vars.greeting | trim }}",
    ("{{ vars.limits | json }}", "{{ vars.limits | tojson }}"),
    ("{{ vars.rows }}", "{{ vars.rows | tojson }}"),
    ("{{ inputs.tags contains 'y' }}", "{{ 'y' in inputs.tags }}"),
    "{{ inputs.name is defined }}",
    ("{{ inputs.tags is empty }}", "{{ inputs.tags | length == 0 }}"),
    "{{ inputs.count is even }}",
    "{% if inputs.count > 40 %}big{% elseif inputs.count > 10 %}mid{% else %}small{% endif %}",
    "{% for row in vars.rows %}{{ row.id }}={{ row.name }};{% endfor %}",
    "{% for tag in inputs.tags %}{{ loop.index }}{{ tag }}{% endfor %}",
    "{% for tag in inputs.tags %}{% if tag == 'y' %}[{{ tag }}]{% else %}{{ tag }}{% endif %}{% endfor %}",
    "{% set total = inputs.count + vars.limits.high %}{{ total }}",
    "{% macro greet(who) %}Hi {{ who }}{% endmacro %}{{ greet(inputs.name) }}",
    "SELECT * FROM t WHERE team = '{{ labels.team }}' AND env = '{{ labels.env }}' AND n < {{ vars.limits.high }}",
]  # fmt: skip
_OURS = {
    "{{ inputs.blank | default('empty', true) }}": "{{ inputs.blank | default('empty') }}",
    "{{ inputs.path | replace('/', '_') }}": "{{ inputs.path | replace({'/': '_'}) }}",
}
_JINJA = {"{% elseif": "{% elif"}


class _Zeros:
    def random_bytes(self, count: int) -> bytes:
        """Draw bytes."""
        return bytes(count)


def ours(templates: list[str]) -> Callable[[], None]:
    """Make the run of all templates in our language."""
    environment = Environment(now=lambda: datetime.now(UTC), zone=UTC, random=_Zeros())
    compiled = [compile_template(template) for template in templates]

    def run() -> None:
        for template in compiled:
            template.render(VARIABLES, environment)

    return run


def theirs(templates: list[str]) -> Callable[[], None]:
    """Make the run of all templates in Jinja2."""
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - as strict as ours: text, no HTML
    compiled = [environment.from_string(template) for template in templates]

    def run() -> None:
        for template in compiled:
            template.render(VARIABLES)

    return run


def seconds(run: Callable[[], None], rounds: int) -> float:
    """Time one pass over all templates, in seconds."""
    start = perf_counter()
    for _ in range(rounds):
        run()
    return (perf_counter() - start) / rounds


def main() -> None:
    """Compare the two, and print or write what came out."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="write the figures to this file")
    options.add_argument("--rounds", type=int, default=200)
    given = options.parse_args()
    pairs = [entry if isinstance(entry, tuple) else (_OURS.get(entry, entry), entry) for entry in TEMPLATES]
    assert len(pairs) == 50
    run_ours = ours([one for one, _ in pairs])
    run_theirs = theirs([other.replace("{% elseif", _JINJA["{% elseif"]) for _, other in pairs])
    best_ours = best_theirs = float("inf")
    for _ in range(5):  # by turns, so that a busy machine hurts both
        best_ours = min(best_ours, seconds(run_ours, given.rounds))
        best_theirs = min(best_theirs, seconds(run_theirs, given.rounds))
    simple = seconds(ours(["{{ outputs.load.uri }}"] * 50), given.rounds) / 50
    figures = {
        "expressions": len(pairs),
        "ours_us": round(best_ours * 1e6 / len(pairs), 3),
        "jinja2_us": round(best_theirs * 1e6 / len(pairs), 3),
        "ratio": round(best_theirs / best_ours, 3),
        "path_us": round(simple * 1e6, 3),
        "python": platform.python_version(),
        "jinja2": jinja2.__version__,
    }
    print(f"ours   {figures['ours_us']:8.3f} µs an expression")
    print(f"jinja2 {figures['jinja2_us']:8.3f} µs an expression")
    print(f"ratio  {figures['ratio']:8.3f} (our speed : Jinja2's; goal 0.5)")
    print(f"path   {figures['path_us']:8.3f} µs for {{{{ outputs.load.uri }}}}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
