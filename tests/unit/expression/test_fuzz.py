"""Whatever is written, only our own errors come out, and soon."""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kestra_stream.errors import ExpressionError, InvalidExpression
from kestra_stream.expression import Budget, compile_template, references_of
from kestra_stream.expression.filters import FILTERS
from kestra_stream.expression.functions import FUNCTIONS, METHODS, TESTS
from tests.unit.expression.worlds import environment

pytestmark = pytest.mark.slow

BUDGET = Budget(steps=20_000, characters=100_000, items=10_000, regex_seconds=0.05)
VARIABLES: dict[str, Any] = {
    "a": 1, "b": "text", "c": [1, "x", None], "d": {"k": {"v": 2}, "1": "one"}, "e": None, "f": 1.5, "g": True, "h": "2024-01-02", "i": "",
}  # fmt: skip
EXPECTED = (InvalidExpression, ExpressionError)
QUICK = settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.too_slow])

# jq programs that may run in a process of their own have tests of their own.
CHEAP_FILTERS = sorted(set(FILTERS) - {"jq"})

fragments = st.sampled_from(
    ["{{", "}}", "{%", "%}", "{#", "#}", "-", " ", "\n", "a", "b.c", "d['k']", "'", '"', "#{", "}", "(", ")", "[", "]", "{", ":", ",", "|",
     "?", "??", "???", "..", "~", "not", "is", "in", "if", "endif", "for", "endfor", "set", "macro", "endmacro", "raw", "endraw", "block",
     "1", "2.5", "=", "==", "<", "\\", "é", "\0", "upper", "null", "loop.index", "else", "elseif", "filter"]
)  # fmt: skip
raw_templates = st.lists(st.one_of(fragments, st.text(max_size=3)), max_size=25).map("".join)

names = st.sampled_from([*"abcdefghi", "missing", "loop"])
literals = st.one_of(
    st.integers(-5, 2**63 - 1).map(str),
    st.floats(0, 1e6).map(lambda number: f"{number:.3f}"),
    st.sampled_from(["'x'", '"y#{a}"', "''", "null", "true", "false", "'[a-z]+'", "'yyyy-MM'", "'%s'", "'UTC'", "'(x'", "[]", "{}"]),
)


def _calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arguments = st.lists(inner, max_size=3).map(", ".join)
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(
            ["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "and", "or", "~", "??", "???", "contains", "in", "not in", "equals"]), inner),
        st.builds("({} .. {})".format, st.integers(-3, 40), st.integers(-3, 40)),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("({} | {}({}))".format, inner, st.sampled_from(CHEAP_FILTERS), arguments),
        st.builds("({} | {})".format, inner, st.sampled_from(CHEAP_FILTERS)),
        st.builds("({} is {})".format, inner, st.sampled_from(sorted(TESTS))),
        st.builds("{}({})".format, st.sampled_from(sorted(FUNCTIONS)), arguments),
        st.builds("({}).{}({})".format, inner, st.sampled_from(sorted(METHODS)), arguments),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({}).{}".format, inner, names),
        st.builds("not {}".format, inner),
        st.builds("-{}".format, inner),
        st.builds("[{}]".format, arguments),
        st.builds("{{{}: {}}}".format, inner, inner),
    )  # fmt: skip


expressions = st.recursive(st.one_of(names, literals), _calls, max_leaves=12)


def _tags(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, expressions, inner, inner),
        st.builds("{{% for {} in {} %}}{}{{% endfor %}}".format, names, expressions, inner),
        st.builds("{{% set {} = {} %}}{}".format, names, expressions, inner),
        st.builds("{{% macro m({}) %}}{}{{% endmacro %}}{{{{ m({}) }}}}".format, names, inner, expressions),
        st.builds("{{% block x %}}{}{{% endblock %}}".format, inner),
        st.builds("{{% filter {} %}}{}{{% endfilter %}}".format, st.sampled_from(CHEAP_FILTERS), inner),
    )


templates = st.recursive(st.one_of(st.text(max_size=5), expressions.map("{{{{ {} }}}}".format)), _tags, max_leaves=6)


def run(source: str) -> None:
    """Compile and render; anything but our own errors fails the test."""
    try:
        template = compile_template(source)
        for recursive in (False, True):
            surroundings = environment(budget=BUDGET, recursive=recursive)
            assert isinstance(template.render(VARIABLES, surroundings), str)
            template.evaluate(VARIABLES, surroundings)
    except EXPECTED as error:
        assert str(error)


@QUICK
@given(raw_templates)
@example("{{ \0 }}")
@example("{{ 'a' | date('p') }}")
def test_raw_text(source: str) -> None:
    run(source)


@QUICK
@given(templates)
@example("{{ -9223372036854775807 | date }}")
@example("{{ a | chunk('x') }}")
@example("{{ nanoId(2.5) }}")
@example("{{ (c)[c] }}")
@example("{{ h | dateAdd(f, 'DAYS', c) }}")
@example("{{ b | split(c) }}")
@example("{{ [[1]] | distinct }}")
def test_grammatical_text(source: str) -> None:
    run(source)


@QUICK
@given(
    st.recursive(
        st.one_of(raw_templates, st.integers(), st.none()), lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner))
    )
)
def test_references_of_anything(value: Any) -> None:
    try:
        for reference in references_of(value):
            assert isinstance(reference[0], str)
    except InvalidExpression as error:
        assert str(error)


@QUICK
@given(st.text(alphabet="GuyMdHhmsSaEXZzVvOxQqYweWDkKAnN'[] -/:p", max_size=12), st.text(alphabet="0123456789-/: TZ+abcMarPM", max_size=16))
def test_date_patterns(pattern: str, text: str) -> None:
    surroundings = environment(budget=BUDGET)
    for source in ("{{ h | date(p) }}", "{{ t | date(existingFormat=p) }}", "{{ t | date }}", "{{ h | date(timeZone=t) }}"):
        try:
            compile_template(source).render({"h": "2024-03-05T15:04:09.012345Z", "p": pattern, "t": text}, surroundings)
        except EXPECTED as error:
            assert str(error)


@QUICK
@given(st.text(alphabet="ab(){}[]*+?|\\^$.,0123456789:<>=!QEzpPd&-", max_size=20), st.text(alphabet="$\\{}a1", max_size=6))
def test_patterns_of_regular_expressions(pattern: str, replacement: str) -> None:
    surroundings = environment(budget=BUDGET)
    for source in ("{{ 'aabb1' | regexReplace(p, r) }}", "{{ 'aabb1' | split(p) }}", "{{ 'aabb1'.matches(p) }}"):
        try:
            compile_template(source).render({"p": pattern, "r": replacement}, surroundings)
        except EXPECTED as error:
            assert str(error)


@QUICK
@given(st.text(alphabet="{}[]:,-? &*ab1'\"|>~\n#!%@", max_size=30))
def test_documents(text: str) -> None:
    surroundings = environment(budget=BUDGET)
    for source in ("{{ yaml(t) | yaml }}", "{{ fromIon(t) | toIon }}", "{{ fromJson(t) | json }}", "{{ 1 | numberFormat(t) }}"):
        try:
            compile_template(source).render({"t": text}, surroundings)
        except EXPECTED as error:
            assert str(error)
