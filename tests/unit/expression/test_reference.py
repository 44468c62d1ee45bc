"""Every recorded expression gives what the reference gave; where ours differs on purpose, the difference stands in this file."""

from typing import Any

import pytest

from kestra_stream.errors import ExpressionError, InvalidExpression
from kestra_stream.expression import compile_template
from tests.unit.expression.worlds import RECORDED, environment, reference_context, reference_functions

# Expressions that ours answers and the reference refuses; each stands in docs/differences.md.
DIFFERENT = {
    "{{ 'apple' in vars.ls }}": "true",
    "{{ 3 in vars.l }}": "true",
    "{{ vars.ts | date('iso') }}": "2024-03-10T15:30:45.000000Z",
}
# Outputs of a map whose order is the reference's hash order.
UNORDERED = {"{{ outputs | keys }}"}
RESULTS = RECORDED["results"]


def test_all_recorded_expressions_are_here() -> None:
    assert len(RESULTS) == 211


@pytest.mark.parametrize("recorded", RESULTS, ids=[f"{index}:{entry['expr']}" for index, entry in enumerate(RESULTS)])
def test_as_the_reference(recorded: dict[str, Any]) -> None:
    source = recorded["expr"]
    expected = DIFFERENT.get(source, recorded.get("result"))

    def run() -> str:
        return compile_template(source).render(reference_context(), environment(reference_functions()))

    if expected is None:
        with pytest.raises((ExpressionError, InvalidExpression)) as raised:
            run()
        error = recorded.get("error", "")
        if error.startswith("Unable to find"):
            assert str(raised.value).startswith(error)
        return
    if source in UNORDERED:
        assert sorted(run()) == sorted(expected)
    else:
        assert run() == expected
