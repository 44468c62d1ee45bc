"""A task whose definition is a template."""

import pytest

from kestra_stream.models.state import StateType
from tests.unit.plugin.core.written import CORE, core_task
from tests.unit.plugin.script.attempts import Place, Ran


def ran(place: Place, spec: str, **variables: object) -> Ran:
    indented = "\n".join(f"  {line}" for line in spec.splitlines())
    return place.run(core_task("templating.TemplatedTask", f"spec: |\n{indented}"), variables=variables)


def test_the_rendered_task_runs_in_place(place: Place) -> None:
    result = ran(
        place, f"type: {CORE}debug.{{{{ inputs.kind }}}}\nformat: '{{{{ inputs.text }}}}'", inputs={"kind": "Return", "text": "hi"}
    )
    assert result.outputs == {"value": "hi"}
    assert [metric.name for metric in result.metrics] == ["length", "duration"]


def test_expressions_that_the_template_leaves_are_rendered_by_the_task(place: Place) -> None:
    spec = f"id: other\ntype: {CORE}debug.Return\nformat: '{{% raw %}}{{{{ inputs.n }}}}{{% endraw %}}'"
    assert ran(place, spec, inputs={"n": 3}).outputs == {"value": "3"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("type: x.Unknown", "Invalid type: x.Unknown"),
        ("format: x", "has no `type`"),
        (f"type: {CORE}debug.Return\nfromat: x", "is no valid io.kestra.plugin.core.debug.Return: fromat"),
        (f"type: {CORE}flow.Sequential\ntasks: []", "cannot stand here"),
        (f"type: {CORE}templating.TemplatedTask\nspec: x", "cannot be templated again"),
        ("- a list", "must be one YAML map"),
        ("a: [", "not YAML"),
        ("a: 1\n---\nb: 2", "must be one YAML map"),
    ],
)
def test_what_is_no_task_of_a_worker_is_refused(place: Place, spec: str, message: str) -> None:
    result = ran(place, spec)
    assert result.ended.state is StateType.FAILED
    assert message in (result.ended.error or "")
