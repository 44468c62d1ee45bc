"""Property: a value of a flow that is a template until it is rendered, and of a known type after."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast, get_args

import orjson
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from kestra_stream.errors import ExpressionError
from kestra_stream.models.document_model import Steps, inside, misplaced
from kestra_stream.models.sentences import joined, sentence

T_co = TypeVar("T_co", covariant=True)


class Misfit(ExpressionError):
    """A value does not fit the type of its property; `faults` are what is wrong, each with the place below the value."""

    def __init__(self, problem: ValidationError, value: object) -> None:
        by_place: dict[Steps, list[str]] = {}
        for error in problem.errors(include_url=False):
            by_place.setdefault(inside(value, error["loc"]), []).append(sentence(error))
        self.faults = tuple((joined(sentences), place) for place, sentences in by_place.items())
        super().__init__("; ".join(f"{'.'.join(map(str, place))} {text}".lstrip() for text, place in self.faults))


class Property(Generic[T_co]):
    """What the user wrote (`raw`), and the type that it must have once rendered.

    Any scalar, list or map is accepted where a flow is parsed. A raw value without an expression is checked at once, so that
    a typing error is found by validation and not in the middle of a run.
    """

    __slots__ = ("_adapter", "_constant", "raw")

    def __init__(self, raw: object, adapter: TypeAdapter[T_co]) -> None:
        self.raw = raw
        self._adapter = adapter
        self._constant: tuple[T_co] | None = None if has_expression(raw) else (convert(raw, adapter),)

    @classmethod
    def of(cls, raw: object, kind: Any = str) -> "Property[Any]":
        """Build a property outside of a flow document, for instance as a default."""
        return cls(raw, TypeAdapter(kind))

    @property
    def is_constant(self) -> bool:
        """Whether rendering changes nothing."""
        return self._constant is not None

    def render(self, render: Callable[[Any], object]) -> T_co:
        """Render the raw value with the function given, then convert it.

        Raises:
            ExpressionError: the rendered value does not fit the type.
        """
        if self._constant is not None:
            return self._constant[0]
        return convert(render(self.raw), self._adapter)

    def __eq__(self, other: object) -> bool:
        """Two properties are equal when the user wrote the same."""
        return isinstance(other, Property) and self.raw == other.raw

    def __hash__(self) -> int:
        """Hash what was written."""
        return hash(repr(self.raw))

    def __repr__(self) -> str:
        """Show what was written."""
        return f"Property({self.raw!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept anything that fits the type, or any template."""
        kind = (get_args(source) or (Any,))[0]
        adapter: TypeAdapter[Any] | None = None

        def parse(value: object) -> "Property[Any]":
            nonlocal adapter
            if isinstance(value, Property):
                return value
            if adapter is None:
                adapter = TypeAdapter(kind)
            try:
                return cls(value, adapter)
            except Misfit as error:
                raise misplaced(*error.faults) from None

        return core_schema.no_info_plain_validator_function(
            parse,
            metadata={"property_schema": handler.generate_schema(kind)},
            serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.raw),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the type, or a template; `x-dynamic` marks it for docs and editors."""
        inner = handler(cast("dict[str, Any]", schema)["metadata"]["property_schema"])
        if inner.get("type") == "string" and set(inner) <= {"type", "title"}:
            return {"type": "string", "x-dynamic": True}
        is_structure = inner.get("type") in {"array", "object"} or "$ref" in inner
        text = {"type": "string"} if is_structure else {"type": "string", "pattern": r"\{[{%]"}
        return {"anyOf": [inner, text], "x-dynamic": True}


def has_expression(value: object) -> bool:
    """Tell whether a template hides anywhere in a value."""
    if isinstance(value, str):
        return "{" in value and ("{{" in value or "{%" in value or "{#" in value)
    if isinstance(value, Mapping):
        return any(has_expression(key) or has_expression(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return any(has_expression(item) for item in value)
    return False


def convert(value: object, adapter: TypeAdapter[T_co]) -> T_co:
    """Convert a rendered value to the type; JSON text is accepted for lists, maps, numbers and booleans.

    Raises:
        Misfit: it does not fit.
    """
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        problem = error
    for reading in _readings(value):
        try:
            return adapter.validate_python(reading)
        except ValidationError:
            continue
    raise Misfit(problem, value)


def _readings(value: object) -> Iterator[Any]:
    """What else a value may stand for: JSON text for its value, a scalar for its text, a list or map for texts inside it or its JSON."""
    try:
        match value:
            case str():
                parsed = orjson.loads(value)
                yield from (parsed, _with_texts(parsed)) if isinstance(parsed, Mapping | list) else (parsed,)
            case Mapping() | list() | tuple():
                yield _with_texts(value)
                yield orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
            case _:
                yield _with_texts(value) if isinstance(value, bool) else str(value)
    except (orjson.JSONDecodeError, TypeError):
        return


def _with_texts(value: object) -> Any:
    """A list or map whose scalars are text: `[1, true]` fits a list of texts."""
    match value:
        case Mapping():
            return {str(key): _with_texts(item) for key, item in value.items()}
        case list() | tuple():
            return [_with_texts(item) for item in value]
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return value
