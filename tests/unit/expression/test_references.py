"""What a template needs is known after compiling."""

import pytest

from kestra_stream.expression import (
    LOOKUP_FUNCTIONS,
    WHOLE_CONTEXT,
    DynamicItem,
    Reference,
    compile_template,
    functions_of,
    references_of,
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", set()),
        ("{{ 1 }}", set()),
        ("{{ a }}", {("a",)}),
        ("{{ outputs.ov.values }}", {("outputs", "ov", "values")}),
        ("{{ outputs['my-task'].l[0] }}", {("outputs", "my-task", "l", 0)}),
        ("{{ outputs.t[taskrun.value].uri }}", {("outputs", "t", DynamicItem(("taskrun", "value")), "uri"), ("taskrun", "value")}),
        ("{{ a[b[c.d].e] }}", {
            ("a", DynamicItem(("b", DynamicItem(("c", "d")), "e"))),
            ("b", DynamicItem(("c", "d")), "e"),
            ("c", "d"),
        }),
        ("{{ a[b ~ 'x'].c }}", {("a",), ("b",)}),
        ("{{ a.b[c[d | upper]].e }}", {("a", "b"), ("c",), ("d",)}),
        ("{{ a[-1] }}", {("a",)}),
        ("{{ vars.s.trim() }}", {("vars", "s")}),
        ("{{ (c ? vars : inputs).x }}", {("c",), ("vars",), ("inputs",)}),
        ("{{ a | default(b) | join(c) }}{{ d is equalTo(e) }}", {("a",), ("b",), ("c",), ("d",), ("e",)}),
        ('{{ [a, {b: c}] }}{{ "#{d}" }}{{ -e }}{{ f .. g }}', {(x,) for x in "abcdefg"}),
        ("{% for x in rows %}{{ x.id }}{{ loop.index }}{% endfor %}", {("rows",)}),
        ("{% for x in x %}{{ x }}{% endfor %}", {("x",)}),
        ("{% for x in rows %}{% else %}{{ x }}{% endfor %}", {("rows",), ("x",)}),
        ("{% for x in rows %}{{ a[x].b }}{% endfor %}", {("rows",), ("a",)}),
        ("{% set a = b.c %}{{ a.d }}", {("b", "c"), ("a", "d")}),
        ("{% macro m(x, y=z) %}{{ x }}{{ w }}{% endmacro %}{{ m(v) }}", {("z",), ("w",), ("v",)}),
        ("{% if a %}{% elseif b %}{% else %}{{ c }}{% endif %}", {("a",), ("b",), ("c",)}),
        ("{% block n %}{{ a }}{% endblock %}{% filter indent(b) %}{{ c }}{% endfilter %}", {("a",), ("b",), ("c",)}),
        ("{{ currentEachOutput(outputs.t) }}", {("outputs", "t"), ("parents",), ("taskrun",)}),
        ("{{ tasksWithState('FAILED') }}", {("tasks",)}),
        ("{{ fetchContext() }}", {WHOLE_CONTEXT}),
        ("{{ printContext() }}", {WHOLE_CONTEXT}),
        ("{{ render(vars.x) }}", {WHOLE_CONTEXT, ("vars", "x")}),
        ("{{ renderOnce('a') }}", {WHOLE_CONTEXT}),
        ("{% raw %}{{ a }}{% endraw %}", set()),
    ],
)  # fmt: skip
def test_references(source: str, expected: set[Reference]) -> None:
    assert compile_template(source).references == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", set()),
        ("{{ kv('a') }}{{ now() }}", {"kv", "now"}),
        ("{% if secret('x') == uuid() %}{% endif %}", {"secret", "uuid"}),
        ("{% macro m() %}{{ read('x') }}{% endmacro %}{{ m() }}", {"read"}),
        ("{{ render('{{ kv(1) }}') }}", {"render", *LOOKUP_FUNCTIONS}),
    ],
)
def test_functions(source: str, expected: set[str]) -> None:
    assert compile_template(source).functions == expected


def test_structures_collect_those_of_all_texts() -> None:
    structure = {"{{ a }}": ["{{ b.c }}", {"x": "{{ now() }}"}], "n": 5, "plain": "{ x }", "t": ("{{ a }}",)}
    assert references_of(structure) == {("a",), ("b", "c")}
    assert functions_of(structure) == {"now"}
    assert references_of(5) == references_of([]) == frozenset()
