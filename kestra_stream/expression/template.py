"""Compiled templates: compile once, render often; and structures whose texts are templates."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from kestra_stream.errors import InvalidExpression
from kestra_stream.expression.compiler import ExpressionCompiler
from kestra_stream.expression.environment import Environment
from kestra_stream.expression.frame import Frame
from kestra_stream.expression.lexer import shorten
from kestra_stream.expression.paths import Evaluate, Reference
from kestra_stream.expression.printing import is_list, is_map, text_of
from kestra_stream.expression.syntax import Body, Print, Text
from kestra_stream.expression.tag_compiler import TagCompiler, check_height, raw_mark
from kestra_stream.expression.tag_parser import parse

MAX_ROUNDS = 100
_CACHED_TEMPLATES = 8192
_FALSE_TEXTS = frozenset({"", "false", "0", "-0"})


def has_expression(text: str) -> bool:
    """Tell whether a text has a delimiter of the language in it."""
    return "{" in text and ("{{" in text or "{%" in text or "{#" in text)


class Template:
    """A compiled text.

    Attributes:
        source: the text as it was written.
        is_constant: there is no expression in it; it renders to itself.
        references: names of the context that it needs, with as much of each path as is known; `("*",)` when any name may be needed.
        functions: names of the functions that it calls; with `render()` also all that need IO, for the text may call them.
    """

    __slots__ = ("_single", "_text", "functions", "is_constant", "references", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self.is_constant = True
        self.references: frozenset[Reference] = frozenset()
        self.functions: frozenset[str] = frozenset()
        self._single: Evaluate | None = None
        self._text: Callable[[Frame], str] = lambda _frame: source
        if has_expression(source):
            self._compile(parse(source))

    def _compile(self, body: Body) -> None:
        if all(isinstance(statement, Text) and not statement.raw for statement in body):
            text = "".join(statement.text for statement in body if isinstance(statement, Text))
            self.is_constant = text == self.source
            self._text = lambda _frame: text
            return
        self.is_constant = False
        check_height(body, self.source)
        expressions = ExpressionCompiler(self.source)
        tags = TagCompiler(expressions)
        tags.prepare(body)
        if len(body) == 1 and isinstance(body[0], Print):
            self._single = expressions.expression(body[0].value)
            self._text = _printed(self._single)
        else:
            self._text = _joined(tags, body)
        self.references = frozenset(expressions.references)
        self.functions = frozenset(expressions.functions)

    def render(self, variables: Mapping[str, object], environment: Environment) -> str:
        """Render to text.

        Raises:
            Undefined: a name, attribute, key or index is not there.
            BudgetExceeded: it takes more than one expression may.
            ExpressionError: a value is of the wrong kind, or a filter or function refuses it.
            KestraError: what a supplied function raised.
        """
        if self.is_constant:
            return self.source
        frame = Frame(variables, environment, self.source)
        try:
            return stable_text(self, frame) if environment.recursive else self._text(frame)
        except RecursionError:
            frame.exceeded("more levels of nesting than the stack has")
        finally:
            if environment.spent is not None:
                environment.spent(frame.used)

    def evaluate(self, variables: Mapping[str, object], environment: Environment) -> object:
        """Give the native value if the whole text is one `{{ }}`, else the rendered text. Raises as `render`."""
        if self._single is None:
            return self.render(variables, environment)
        frame = Frame(variables, environment, self.source)
        try:
            value = self._single(frame)
            if environment.recursive and isinstance(value, str):
                return stable_text(_compiled_within(value, frame), frame)
            return value  # noqa: TRY300 - an `else` would come after the steps are told
        except RecursionError:
            frame.exceeded("more levels of nesting than the stack has")
        finally:
            if environment.spent is not None:
                environment.spent(frame.used)

    def text_within(self, frame: Frame) -> str:
        """Render to text inside a render that is already going on, within its budget."""
        return self._text(frame)


def _printed(value: Evaluate) -> Callable[[Frame], str]:
    def render(frame: Frame) -> str:
        text = text_of(value(frame), frame)
        frame.write(len(text))
        return text

    return render


def _joined(tags: TagCompiler, body: Body) -> Callable[[Frame], str]:
    run = tags.body(body)

    def render(frame: Frame) -> str:
        out: list[str] = []
        run(frame, out)
        return "".join(out)

    return render


@lru_cache(maxsize=_CACHED_TEMPLATES)
def compile_template(source: str) -> Template:
    """Compile a text; the same text gives the same template, from a bounded cache.

    Raises:
        InvalidExpression: it does not parse, or names a filter, function, test or tag that there is not; the message names
            the expression, the line and column, and the nearest known name.
    """
    try:
        return Template(source)
    except RecursionError:
        raise InvalidExpression(f"The expression `{shorten(source)}` is nested too deeply") from None


# -- rendering again ---------------------------------------------------------------------------------------------------


def stable_text(template: Template, frame: Frame) -> str:
    """Render, and render the result, until nothing changes; raw texts stay out of it."""
    outermost = frame.raws is None
    if frame.raws is None:
        frame.raws = []
    text = template.text_within(frame)
    for _ in range(MAX_ROUNDS):
        if not has_expression(text):
            break
        again = _compiled_within(text, frame).text_within(frame)
        if again == text:
            break
        text = again
    if outermost:
        raws, frame.raws = frame.raws, None
        for index in range(len(raws) - 1, -1, -1):
            text = text.replace(raw_mark(index), raws[index])
    return text


def _compiled_within(text: str, frame: Frame) -> Template:
    """Compile a text that a render made; that costs two steps a character."""
    if has_expression(text):
        frame.charge(2 * len(text))
    return compile_template(text)


def render_within(value: object, frame: Frame, *, recursive: bool) -> object:
    """Render a text, or all texts of a structure, inside a render that is going on."""
    frame.enter()
    saved, frame.scopes = frame.scopes, []
    try:
        if recursive:
            return _mapped(value, lambda text: stable_text(_compiled_within(text, frame), frame), frame)
        return _mapped(value, lambda text: _compiled_within(text, frame).text_within(frame), frame)
    finally:
        frame.scopes = saved
        frame.leave()


def _mapped(value: object, render: Callable[[str], str], frame: Frame) -> object:
    if isinstance(value, str):
        return render(value)
    if is_map(value):
        frame.charge(len(value))
        return {_mapped(key, render, frame): _mapped(item, render, frame) for key, item in value.items()}
    if is_list(value):
        frame.charge(len(value))
        return [_mapped(item, render, frame) for item in value]
    return value


# -- structures --------------------------------------------------------------------------------------------------------


def render_structure(value: object, variables: Mapping[str, object], environment: Environment, *, typed: bool = False) -> object:
    """Render every text in a structure once: keys and values of maps, items of lists; other values stay as they are.

    Args:
        value: a text, a list, a map, or anything else.
        variables: the context.
        environment: what the render may use.
        typed: a text that is one `{{ }}` as a whole gives its native value (keys of maps are always texts).
    """
    if isinstance(value, str):
        if not has_expression(value):
            return value
        template = compile_template(value)
        return template.evaluate(variables, environment) if typed else template.render(variables, environment)
    if is_map(value):
        return {
            render_structure(key, variables, environment): render_structure(item, variables, environment, typed=typed)
            for key, item in value.items()
        }
    if is_list(value):
        return [render_structure(item, variables, environment, typed=typed) for item in value]
    return value


def references_of(value: object) -> frozenset[Reference]:
    """Collect the references of all texts in a structure."""
    return frozenset[Reference]().union(*(template.references for template in _templates(value)))


def functions_of(value: object) -> frozenset[str]:
    """Collect the names of the functions that the texts in a structure call."""
    return frozenset[str]().union(*(template.functions for template in _templates(value)))


def _templates(value: object) -> list[Template]:
    found: list[Template] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if has_expression(item):
                found.append(compile_template(item))
        elif is_map(item):
            waiting.extend(item.keys())
            waiting.extend(item.values())
        elif is_list(item):
            waiting.extend(item)
    return found


def is_truthy(text: str | None) -> bool:
    """Tell whether the rendered text of a condition holds: all but null, nothing, `false`, `0` and `-0`."""
    return text is not None and text not in _FALSE_TEXTS
