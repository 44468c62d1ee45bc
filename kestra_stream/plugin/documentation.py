"""Documentation of a plugin type, made from its class: what it does, examples, properties, outputs, metrics."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from inspect import cleandoc
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from kestra_stream.models.property import Property
from kestra_stream.models.task import FlowableTask, Plugin, Task
from kestra_stream.plugin.api import RunnableTask, TaskOutput
from kestra_stream.plugin.registry import ResolvedType

_NAMES: Mapping[object, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    timedelta: "duration",
    datetime: "date-time",
    AwareDatetime: "date-time",
    date: "date",
    time: "time",
    object: "any value",
    Any: "any value",
}
_LISTS = frozenset({"tuple", "list", "Sequence", "frozenset", "set"})
_MAPS = frozenset({"dict", "Mapping"})


def summary(cls: type[Plugin]) -> str:
    """Return the first line of a type's documentation."""
    return cleandoc(cls.__doc__ or "").partition("\n")[0]


def documentation(resolved: ResolvedType) -> str:
    """Return the documentation of a type as Markdown."""
    return "\n\n".join(part for part in _parts(resolved) if part)


def _parts(resolved: ResolvedType) -> Iterator[str]:
    cls = resolved.cls
    yield f"# {resolved.canonical}"
    yield cleandoc(cls.__doc__ or "")
    if cls.deprecated:
        yield f"**Deprecated:** {cls.deprecated}."
    if cls.aliases:
        yield "Also known as " + ", ".join(f"`{alias}`" for alias in cls.aliases) + "."
    examples = [f"```yaml\n{cleandoc(example)}\n```" for example in cls.examples]
    if examples:
        yield "## Example" if len(examples) == 1 else "## Examples"
        yield from examples
    common = _common(cls)
    own = {name: field for name, field in cls.model_fields.items() if name not in common}
    if own:
        yield "## Properties\n\n*dynamic* means that an expression may stand there, which is rendered when the task runs."
        yield _table(own)
    output = output_of(cls)
    if output is not None:
        yield "## Outputs\n\n" + cleandoc(output.__doc__ or "")
        yield _table(output.model_fields)
    if metrics := getattr(cls, "measures", ()):
        rows = (f"| `{metric.name}` | {metric.type.value} | {metric.description} |" for metric in metrics)
        yield "## Metrics\n\n" + "\n".join(["| name | type | description |", "|---|---|---|", *rows])
    if common:
        yield f"## Properties of every {_kind_of(cls)}"
        yield _table({name: field for name, field in cls.model_fields.items() if name in common})
    for model in _models(cls.model_fields, output.model_fields if output is not None else {}):
        yield f"## {model.__name__}\n\n{cleandoc(model.__doc__ or '')}"
        yield _table(model.model_fields)


def _common(cls: type[Plugin]) -> frozenset[str]:
    """Names of the properties that every plugin of the kind has."""
    kinds: tuple[type[Plugin], ...] = (FlowableTask, Task, *Plugin.__subclasses__())
    bases = (base for base in kinds if issubclass(cls, base) and base is not cls)
    base = next(bases, None)
    return frozenset(base.model_fields) if base is not None else frozenset()


def _kind_of(cls: type[Plugin]) -> str:
    if issubclass(cls, FlowableTask):
        return "flowable task"
    return next((base.__name__.lower() for base in Plugin.__subclasses__() if issubclass(cls, base)), "plugin")


def output_of(cls: type[Plugin]) -> type[BaseModel] | None:
    """Return the class of a task's outputs, as it or its `run` says."""
    if cls.output_type is not None:
        return cls.output_type
    if not issubclass(cls, RunnableTask):
        return None
    result = get_type_hints(cls.run).get("return")
    candidates = getattr(result, "__args__", (result,))
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, TaskOutput) and one is not TaskOutput), None)


def _table(fields: Mapping[str, FieldInfo]) -> str:
    rows = ["| name | type | required | default | description |", "|---|---|---|---|---|"]
    for name, field in fields.items():
        kind = _kind(field.annotation).replace("|", "\\|")
        required = "yes" if field.is_required() else ""
        rows.append(f"| `{field.alias or name}` | {kind} | {required} | {_default(field)} | {_in_cell(field.description or '')} |")
    return "\n".join(rows)


def _default(field: FieldInfo) -> str:
    default = field.default
    if field.is_required() or default is PydanticUndefined or default in (None, ()) or isinstance(default, BaseModel):
        return ""
    raw = default.raw if isinstance(default, Property) else default.value if isinstance(default, Enum) else default
    return f"`{_in_cell(str(raw).lower() if isinstance(raw, bool) else str(raw))}`"


def _in_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _kind(annotation: object) -> str:
    """Write a type for people; `dynamic` marks what may be an expression."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(args[0])
    if origin is Property:
        return f"{_kind(args[0])}, *dynamic*"
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in args)
    if args:
        return _compound(getattr(origin, "__name__", ""), [_kind(arg) for arg in args if arg not in (NoneType, Ellipsis)])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{member.value}`" for member in annotation)
    return _NAMES.get(annotation) or str(getattr(annotation, "__name__", annotation))


def _compound(name: str, inner: list[str]) -> str:
    if name in _LISTS:
        return f"list of {inner[0]}"
    if name in _MAPS:
        return f"map of {inner[-1]}"
    return " or ".join(dict.fromkeys(inner))


def _models(*several: Mapping[str, FieldInfo]) -> Iterator[type[BaseModel]]:
    """Yield the maps that properties are made of, each once, in the order in which they are met; plugins have pages of their own."""
    seen: set[object] = set()
    left: list[object] = [field.annotation for fields in several for field in fields.values()]
    while left:
        annotation = left.pop(0)
        if annotation in seen:
            continue
        seen.add(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if not issubclass(annotation, Plugin):
                yield annotation
                left += [field.annotation for field in annotation.model_fields.values()]
        elif get_origin(annotation) is not Literal:
            left += get_args(annotation)
