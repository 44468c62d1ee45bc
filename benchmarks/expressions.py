"""Compiled render of 50 mixed expressions against Jinja2 with equivalent templates, both in this process, by turns.

python -m benchmarks.expressions [--dry]
"""

from collections.abc import Callable
from datetime import UTC, datetime
from time import process_time
from typing import Any

import jinja2

from benchmarks.report import Figure, run
from kestra_stream.expression import Environment, Template, compile_template

ROUNDS = 100
TURNS = 7

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
    ("{{ inputs.blank | default('empty') }}", "{{ inputs.blank | default('empty', true) }}"),
    "{{ inputs.name ~ '-' ~ flow.id ~ '-' ~ inputs.count }}",
    "{{ inputs.name | upper }}",
    "{{ inputs.name | lower }}",
    "{{ vars.greeting | lower | title }}",
    "{{ inputs.tags | join(', ') }}",
    "{{ inputs.tags | length }}",
    "{{ inputs.tags | first }}",
    "{{ inputs.tags | last }}",
    "{{ inputs.tags | sort | join('+') }}",
    ("{{ inputs.path | replace({'a': '1', 'b': '2'}) }}", "{{ inputs.path | replace('a', '1') | replace('b', '2') }}"),
    ("{{ inputs.path | replace({'/': '_'}) }}", "{{ inputs.path | replace('/', '_') }}"),
    "{{ vars.greeting | trim }}",
    ("{{ vars.limits | json }}", "{{ vars.limits | tojson }}"),
    ("{{ vars.rows }}", "{{ vars.rows | tojson }}"),
    ("{{ inputs.tags contains 'y' }}", "{{ 'y' in inputs.tags }}"),
    "{{ inputs.name is defined }}",
    ("{{ inputs.tags is empty }}", "{{ inputs.tags | length == 0 }}"),
    "{{ inputs.count is even }}",
    (
        "{% if inputs.count > 40 %}big{% elseif inputs.count > 10 %}mid{% else %}small{% endif %}",
        "{% if inputs.count > 40 %}big{% elif inputs.count > 10 %}mid{% else %}small{% endif %}",
    ),
    "{% for row in vars.rows %}{{ row.id }}={{ row.name }};{% endfor %}",
    (
        "{% for tag in inputs.tags %}{{ loop.index }}{{ tag }}{% endfor %}",
        "{% for tag in inputs.tags %}{{ loop.index0 }}{{ tag }}{% endfor %}",
    ),
    "{% for tag in inputs.tags %}{% if tag == 'y' %}[{{ tag }}]{% else %}{{ tag }}{% endif %}{% endfor %}",
    "{% set total = inputs.count + vars.limits.high %}{{ total }}",
    "{% macro greet(who) %}Hi {{ who }}{% endmacro %}{{ greet(inputs.name) }}",
    "SELECT * FROM t WHERE team = '{{ labels.team }}' AND env = '{{ labels.env }}' AND n < {{ vars.limits.high }}",
]  # fmt: skip


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


def jinja() -> jinja2.Environment:
    """Make Jinja2 print what ours prints: no HTML, and JSON without spaces in the order of the map."""
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - as ours
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment


def theirs(templates: list[str]) -> Callable[[], None]:
    """Make the run of all templates in Jinja2."""
    environment = jinja()
    compiled = [environment.from_string(template) for template in templates]

    def run() -> None:
        for template in compiled:
            template.render(VARIABLES)

    return run


def seconds(run: Callable[[], None], rounds: int) -> float:
    """Time one pass over all templates, in seconds of CPU."""
    start = process_time()
    for _ in range(rounds):
        run()
    return (process_time() - start) / rounds


def pairs() -> list[tuple[str, str]]:
    """List (ours, Jinja2's); both render the same text, but for the capital of a boolean."""
    found = [entry if isinstance(entry, tuple) else (entry, entry) for entry in TEMPLATES]
    environment = Environment(now=lambda: datetime.now(UTC), zone=UTC, random=_Zeros())
    theirs_too = jinja()
    for one, other in found:
        mine = compile_template(one).render(VARIABLES, environment)
        expected = theirs_too.from_string(other).render(VARIABLES)
        assert mine == (expected.lower() if expected in {"True", "False"} else expected), one
    return found


def figures() -> list[Figure]:
    """Compare the two, by turns, so that a busy machine hurts both; the best of each counts."""
    templates = pairs()
    assert len(templates) == 50
    run_ours, run_theirs = ours([one for one, _ in templates]), theirs([other for _, other in templates])
    best_ours = best_theirs = float("inf")
    for _ in range(TURNS):
        best_ours = min(best_ours, seconds(run_ours, ROUNDS))
        best_theirs = min(best_theirs, seconds(run_theirs, ROUNDS))
    path = seconds(ours(["{{ outputs.load.uri }}"] * 50), ROUNDS) / 50
    return [
        Figure("speed of 50 expressions, ours : Jinja2's", best_theirs / best_ours, ">= 0.5"),
        Figure("ours, us an expression", best_ours * 1e6 / 50),
        Figure(f"Jinja2 {jinja2.__version__}, us an expression", best_theirs * 1e6 / 50),
        Figure("{{ outputs.load.uri }}, us", path * 1e6),
        Figure("compile of 50 expressions, ours, ms", compiling(Template, [one for one, _ in templates]) * 1000),
        Figure("compile of 50 expressions, Jinja2, ms", compiling(jinja().from_string, [other for _, other in templates]) * 1000),
    ]


def compiling(compile_one: Callable[[str], object], templates: list[str]) -> float:
    """Time the compilation of all templates, in seconds of CPU."""
    start = process_time()
    for template in templates:
        compile_one(template)
    return process_time() - start


if __name__ == "__main__":
    run("expressions", figures)
