"""What parses, what does not, and what the messages say."""

import inspect
import sys
from collections.abc import Callable

import pytest

from kestra_stream.errors import BudgetExceeded, InvalidExpression
from kestra_stream.expression import compile_template
from tests.unit.expression.worlds import environment, evaluate, render


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a {{- 1 -}} b", "a1b"),
        ("a {{ 1 }} b", "a 1 b"),
        ("a\n{%- if true -%}\n b \n{%- endif -%}\n c", "abc"),
        ("a {#- note -#} b", "ab"),
        ("a {# {{ 1 }} #} b", "a  b"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{% verbatim %}{% if %}{% endverbatim %}", "{% if %}"),
        ("a {%- raw -%} {{ x }} {%- endraw -%} b", "a{{ x }}b"),
        ("{{ '{{' ~ '}}' }}", "{{}}"),
        ("{{ {'a': {'b': 1}}}}", '{"a":{"b":1}}'),
        ('{{ \'it\\\'s\' }}{{ "say \\"x\\"" }}', 'it\'ssay "x"'),
        ("{{ 'a\\nb\\\\' }}", "a\\nb\\\\"),
        ('{{ "a #{1 + 1} b #{"c#{3}"} # #x" }}', "a 2 b c3 # #x"),
        ('{{ "#{1}" + 1 }}', "11"),
        ("{{ [1, 2,] }}{{ {'a': 1,} }}", '[1,2]{"a":1}'),
        ("{{ true }}{{ TRUE }}{{ false }}{{ FALSE }}{{ null }}{{ NULL }}{{ none }}{{ NONE }}", "truetruefalsefalse"),
        ("{{ 9223372036854775807 }} {{ 1.50 }}", "9223372036854775807 1.5"),
        ("{ {% if true %}%{% endif %} }", "{ % }"),
        ("{ no expression % # }", "{ no expression % # }"),
        ("{# only a comment #}", ""),
        ("{{ +1 }}{{ - 2 }}{{ not false }}", "1-2true"),
        ("{{ max(1, 2) }}{{ 3 | number(type='INT') }}", "23"),
        ("{{ é }}", "e acute"),
    ],
)
def test_parses(source: str, expected: str) -> None:
    assert render(source, é="e acute") == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ 'a' ~ 'b' | upper }}", "AB"),
        ("{{ missing ?? 'a' ~ 'b' }}", "ab"),
        ("{{ 1 + 2 * 3 }}", "7"),
        ("{{ (1 + 2) * 3 }}", "9"),
        ("{{ 10 - 2 - 3 }}", "5"),
        ("{{ 1 + 1 == 2 and 3 > 2 }}", "true"),
        ("{{ false and false or true }}", "true"),
        ("{{ 2 ~ 3 | number + 1 }}", "24"),
        ("{{ -7 | abs }}", "7"),
        ("{{ not true == false }}", "true"),
        ("{{ 1..2 + 3 }}", "[1,2,3]"),
        ("{{ 1 == 1 ? 'a' : 2 == 2 ? 'b' : 'c' }}", "a"),
        ("{{ 1 == 2 ? 'a' : 2 == 2 ? 'b' : 'c' }}", "b"),
        ("{{ 4 is even and 3 is odd }}", "true"),
        ("{{ 'abc' contains 'b' == true }}", "false"),
        ("{{ 3 not in [1, 2] and 1 in [1] }}", "true"),
        ("{{ [1, 2] | first + 1 }}", "2"),
    ],
)
def test_binds_as_the_table_says(source: str, expected: str) -> None:
    assert render(source) == expected


@pytest.mark.parametrize(
    ("source", "message", "place"),
    [
        ("{{ a b }}", "Unexpected `b` where `}}` should stand", "line 1, column 6"),
        ("x\n  {{ 1 + }}", "Unexpected `}}` where a value should stand", "line 2, column 10"),
        ("{{ 'a }}", "The text is not closed by `'`", "line 1, column 4"),
        ('{{ "a }}', 'The text is not closed by `"`', "line 1, column 4"),
        ('{{ "a#{1 2}" }}', "where `}` should stand", "line 1, column 10"),
        ('{{ "a#{1" }}', "not closed", "line 1, column 9"),
        ("{{ a ^ b }}", "Unexpected character `^`", "line 1, column 6"),
        ("{{ (1 }}", "Unexpected `}}`|closes nothing", ""),
        ("{{ 1) }}", "`)` closes nothing that is open", "line 1, column 5"),
        ("{{ [1) }}", "`)` closes nothing that is open", "line 1, column 6"),
        ("{{ 1", "`{{` is not closed by `}}`", "line 1, column 1"),
        ("{% if true", "`{%` is not closed by `%}`", "line 1, column 1"),
        ("{# a", "The comment is not closed by `#}`", "line 1, column 1"),
        ("{% raw %}x", "`{% raw %}` is not closed by `{% endraw %}`", "line 1, column 1"),
        ("{% if true %}x", "The tag is not closed: `{% elseif %}` or `{% else %}` or `{% endif %}` is missing", ""),
        ("{% for x in y %}x", "`{% else %}` or `{% endfor %}` is missing", ""),
        ("{% endif %}", 'Unexpected tag name "endif"; did you mean `if`?', "line 1, column 4"),
        ("{% fro x in y %}{% endfor %}", "did you mean `for`?", ""),
        ("{% zzz %}", "known are block, filter, for, if, macro, set", ""),
        ("{% 'a' %}", "where the name of a tag should stand", ""),
        ("{{ x | uper }}", "Filter [uper] does not exist; did you mean `upper`?", "line 1, column 8"),
        ("{{ x | tojson }}", "did you mean `toJson`?", ""),
        ("{{ nwo() }}", "Function or Macro [nwo] does not exist; did you mean `now`?", "line 1, column 4"),
        ("{{ x is emtpy }}", "Test [emtpy] does not exist; did you mean `empty`?", "line 1, column 9"),
        ("{{ x.toUpper() }}", "Method [toUpper] can not be called; did you mean `toUpperCase`?", ""),
        ("{{ 9223372036854775808 }}", "does not fit in 64 bits", ""),
        ("{{ 99999999999999999999999 }}", "does not fit in 64 bits", ""),
        ("{{ a.0 }}", "an index stands in brackets", ""),
        ("{{ x | split }}", "`split` needs the argument `delimiter`", ""),
        ("{{ x | upper(1) }}", "`upper` takes no arguments; 1 are given", ""),
        ("{{ x | split('a', 1, 2) }}", "`split` takes 2 argument(s) at most: delimiter, limit; 3 are given", ""),
        ("{{ x | split(delimeter='a') }}", "`split` has no argument `delimeter`; did you mean `delimiter`?", ""),
        ("{{ x | split(delimiter='a', delimiter='b') }}", "given twice", ""),
        ("{{ x | split(limit=1, 'a') }}", "A positional argument may not follow a named one", ""),
        ("{{ max(a=1) }}", "`max` takes no named arguments", ""),
        ("{% set 1 = 2 %}", "where the name of a variable should stand", ""),
        ("{% for 1 in x %}{% endfor %}", "where the name of the loop's variable should stand", ""),
        ("{% for x on y %}{% endfor %}", "where `in` should stand", ""),
        ("{% macro m(1) %}{% endmacro %}", "where the name of a parameter should stand", ""),
        ("{% block %}{% endblock %}", "where the name of the block should stand", ""),
        ("{{ block('nope') }}", "`block` needs the name of a block of this template", ""),
        ("{{ block(x) }}", "`block` needs the name of a block of this template", ""),
        ("{{ 'x' | }}", "where the name of a filter should stand", ""),
        ("{{ 1 is }}", "where the name of a test should stand", ""),
        ("{{ {1 2} }}", "where `:` should stand", ""),
        ("{{ [1 2] }}", "where `,` should stand", ""),
        ("{{ x y", "is not closed by", ""),
        ("{{ not", "is not closed by", ""),
        ("{{ x not }}", "where `}}` should stand", ""),
    ],
)
def test_says_what_is_wrong_where_and_what_would_be_right(source: str, message: str, place: str) -> None:
    with pytest.raises(InvalidExpression) as raised:
        compile_template(source)
    assert any(part in str(raised.value) for part in message.split("|"))
    assert f"the expression `{source}`" in str(raised.value)
    assert place in str(raised.value)


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 10_000 + "1" + ")" * 10_000 + " }}",
        "{{ " + "[" * 10_000 + "]" * 10_000 + " }}",
        "{{ " + "not " * 10_000 + "true }}",
        "{{ " + "- " * 10_000 + "1 }}",
        "{{ " + "1 + " * 10_000 + "1 }}",
        "{{ a" + ".b" * 10_000 + " }}",
        "{{ a" + "[0]" * 10_000 + " }}",
        "{{ " + "true ? 1 : " * 10_000 + "1 }}",
        "{{ 1" + " | string" * 10_000 + " }}",
        "{% if true %}" * 10_000 + "{% endif %}" * 10_000,
        "{{ " + '"#{' * 1000 + "1" + '}"' * 1000 + " }}",
        "{{ " + "f(" * 10_000 + ")" * 10_000 + " }}",
        "{{ 1 }}" * 200_000,
    ],
    ids=lambda source: source[:20],
)
def test_a_giant_template_is_refused_not_crashed_on(source: str) -> None:
    with pytest.raises(InvalidExpression) as raised:
        compile_template(source)
    assert len(str(raised.value)) < 2000


def test_long_chains_of_one_operator_are_no_nesting() -> None:
    assert len(render("{{ " + "'a' ~ " * 5000 + "'a' }}")) == 5001
    assert render("{{ " + "true and " * 5000 + "true }}") == "true"
    assert evaluate("{{ " + "missing ?? " * 5000 + "1 }}") == 1


def test_a_stack_that_is_nearly_used_up_is_an_error_of_ours() -> None:
    deep = "{{ " + "(1 + " * 50 + "1" + ")" * 50 + " }}"
    template = compile_template(deep)
    surroundings = environment()
    fresh = "{{ " + "(2 + " * 50 + "1" + ")" * 50 + " }}"

    def sink(levels: int) -> set[str]:
        if levels:
            return sink(levels - 1)
        caught = set()
        runs: tuple[Callable[[], object], ...] = (
            lambda: compile_template(fresh),
            lambda: template.render({}, surroundings),
            lambda: template.evaluate({}, surroundings),
        )
        for run in runs:
            try:
                run()
            except (InvalidExpression, BudgetExceeded) as error:
                caught.add(type(error).__name__)
        return caught

    assert sink(sys.getrecursionlimit() - len(inspect.stack()) - 60) == {"InvalidExpression", "BudgetExceeded"}
