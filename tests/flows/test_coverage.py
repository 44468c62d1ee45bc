"""The set covers the flow language: every built-in type, every property, every rule."""

from pathlib import Path

from tests.flows import coverage
from tests.flows.performance import FLOWS, HERE, expectation

RULES = HERE / "rules.yaml"


def test_every_built_in_type_is_in_a_flow() -> None:
    names, _ = coverage.used(FLOWS)
    assert sorted(set(coverage.types()) - names) == []


def test_every_property_is_in_a_flow() -> None:
    _, found = coverage.used(FLOWS)
    assert sorted(coverage.properties() - found - set(coverage.NOT_IN_A_RUN)) == []


def test_exceptions_are_needed() -> None:
    _, found = coverage.used(FLOWS)
    assert set(coverage.NOT_IN_A_RUN) <= coverage.properties() - found


def test_every_rule_has_a_flow_that_names_it() -> None:
    known = coverage.rules(RULES)
    named = {rule for path in FLOWS for rule in rules_of(path)}
    assert sorted(set(known) - named) == []


def test_every_flow_names_rules_that_there_are() -> None:
    known = coverage.rules(RULES)
    assert [str(path.relative_to(HERE)) for path in FLOWS if not rules_of(path)] == []
    assert sorted({rule for path in FLOWS for rule in rules_of(path)} - set(known)) == []


def rules_of(path: Path) -> list[str]:
    """The rules that a flow names."""
    return [str(rule) for rule in expectation(path).get("rules", ())]
