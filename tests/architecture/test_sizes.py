"""Files, functions, classes and packages stay small enough to be read in one go."""

import ast
from collections import Counter
from collections.abc import Iterable, Mapping

import pytest

from tests.architecture.limits import EXCEPTIONS, LIMITS
from tests.architecture.source_tree import (
    ROOT,
    base_names,
    body_lines,
    classes,
    complexity,
    functions,
    percentile,
    sources,
    type_of_function,
)


def check(name: str, measured: Mapping[str, float]) -> None:
    """Compare each place with the limit of that name; excepted places must really need their exception."""
    excepted = EXCEPTIONS.get(name, {})
    over = {place: value for place, value in measured.items() if value > LIMITS[name].value}
    assert {place: value for place, value in over.items() if place not in excepted} == {}, f"{name} <= {LIMITS[name].value}"
    assert set(excepted) - set(over) == set(), f"{name}: these fit by now, take them out of EXCEPTIONS"


def file_sizes() -> dict[str, float]:
    return {file.place: file.lines for file in sources() if file.lines}


def function_sizes() -> dict[str, float]:
    return {place: body_lines(node) for file in sources() for place, node in functions(file)}


def complexities() -> dict[str, float]:
    return {place: complexity(node) for file in sources() for place, node in functions(file)}


def test_no_file_is_too_long() -> None:
    check("file lines, longest", file_sizes())


@pytest.mark.parametrize(("name", "share"), [("file lines, median", 0.5), ("file lines, 90th percentile", 0.9)])
def test_files_are_short_as_a_rule(name: str, share: float) -> None:
    assert percentile(file_sizes().values(), share) <= LIMITS[name].value


def test_no_function_is_too_long() -> None:
    check("function lines, longest", function_sizes())


def test_functions_are_short_as_a_rule() -> None:
    assert percentile(function_sizes().values(), 0.9) <= LIMITS["function lines, 90th percentile"].value


def test_no_function_branches_too_much() -> None:
    check("cyclomatic complexity, highest", complexities())


def test_functions_branch_little_as_a_rule() -> None:
    counts = complexities().values()
    assert sum(counts) / max(1, len(counts)) <= LIMITS["cyclomatic complexity, mean"].value


def test_no_class_is_too_long() -> None:
    check("class lines", {place: (node.end_lineno or 0) - node.lineno + 1 for file in sources() for place, node in classes(file)})


def test_no_class_does_too_much() -> None:
    check("public methods of a class", {place: public_methods(node) for file in sources() for place, node in classes(file)})


def test_no_constructor_takes_too_much() -> None:
    """What is wired takes few parameters; values (frozen dataclasses) have as many fields as their thing has properties."""
    check("parameters of a constructor", {place: constructor_parameters(node) for file in sources() for place, node in classes(file)})


def test_no_package_holds_too_many_modules() -> None:
    counts = Counter(file.package for file in sources() if not file.is_package)
    check("modules in a package", dict(counts))


def test_packages_are_not_nested_too_deep() -> None:
    check("depth of packages", {file.place: file.package.count(".") + 1 for file in sources()})


def test_a_moved_limit_names_its_decision() -> None:
    """A number that would cut one thought in two is moved by a decision record, not dodged."""
    silent = {name for name, limit in LIMITS.items() if limit.value != limit.house and not decision_exists(limit.decision)}
    assert silent == set()


def test_an_exception_belongs_to_a_limit_and_has_a_reason() -> None:
    assert set(EXCEPTIONS) <= set(LIMITS)
    assert [place for places in EXCEPTIONS.values() for place, reason in places.items() if len(reason.split()) < 3] == []


def decision_exists(number: str) -> bool:
    return bool(number) and any((ROOT / "docs" / "decisions").glob(f"{number}-*.md"))


def public_methods(node: ast.ClassDef) -> int:
    """Count what a caller may call; a Protocol is a page of verbs and is counted at its port."""
    if "Protocol" in base_names(node):
        return 0
    return sum(isinstance(child, type_of_function) and not child.name.startswith("_") for child in node.body)


def constructor_parameters(node: ast.ClassDef) -> int:
    for child in node.body:
        if isinstance(child, type_of_function) and child.name == "__init__":
            arguments = child.args
            return len([*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]) - 1
    return required_fields(node.body) if is_wiring(node) else 0


def is_wiring(node: ast.ClassDef) -> bool:
    """Tell a dataclass that can change, so is no value."""
    texts = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any(text.startswith("dataclass") and "frozen=True" not in text for text in texts)


def required_fields(body: Iterable[ast.stmt]) -> int:
    return sum(isinstance(child, ast.AnnAssign) and child.value is None for child in body)
