"""Documentation of a plugin type, made from its class: what it does, properties, outputs, examples."""

from inspect import cleandoc
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from kestra_stream.models.property import Property
from kestra_stream.models.task import Plugin
from kestra_stream.plugin.api import RunnableTask, TaskOutput
from kestra_stream.plugin.registry import ResolvedType


def summary(cls: type[Plugin]) -> str:
    """Return the first line of a type's documentation."""
    return cleandoc(cls.__doc__ or "").partition("\n")[0]


def documentation(resolved: ResolvedType) -> str:
    """Return the documentation of a type as Markdown."""
    cls = resolved.cls
    parts = [f"# {resolved.canonical}", cleandoc(cls.__doc__ or "")]
    if cls.deprecated:
        parts.append(f"**Deprecated:** {cls.deprecated}.")
    if cls.aliases:
        parts.append("Also known as " + ", ".join(f"`{alias}`" for alias in cls.aliases) + ".")
    parts += [f"```yaml\n{cleandoc(example)}\n```" for example in cls.examples]
    parts.append("## Properties\n\n" + _table(cls))
    output = output_of(cls)
    if output is not None:
        parts.append("## Outputs\n\n" + cleandoc(output.__doc__ or "") + "\n\n" + _table(output))
    return "\n\n".join(part for part in parts if part)


def output_of(cls: type[Plugin]) -> type[TaskOutput] | None:
    """Return the class of a task's outputs, as its `run` says."""
    if not issubclass(cls, RunnableTask):
        return None
    result = get_type_hints(cls.run).get("return")
    candidates = getattr(result, "__args__", (result,))
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, TaskOutput) and one is not TaskOutput), None)


def _table(cls: type[BaseModel]) -> str:
    rows = ["| name | type | required | default | description |", "|---|---|---|---|---|"]
    for name, field in cls.model_fields.items():
        default = "" if field.default in (PydanticUndefined, None) or field.is_required() else f"`{_shown(field.default)}`"
        required = "yes" if field.is_required() else ""
        kind = _kind(field.annotation)
        rows.append(f"| `{field.alias or name}` | {kind} | {required} | {default} | {field.description or ''} |")
    return "\n".join(rows)


def _shown(default: Any) -> str:
    return str(default.raw) if isinstance(default, Property) else str(default)


def _kind(annotation: Any) -> str:
    """Write a type for people; `dynamic` marks what may be an expression."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Property:
        return f"{_kind(args[0])}, dynamic"
    if args:
        inner = [_kind(arg) for arg in args if arg is not type(None) and arg is not Ellipsis]
        name = getattr(origin, "__name__", "")
        return f"{name} of {', '.join(inner)}" if name in {"tuple", "list", "dict"} else " or ".join(dict.fromkeys(inner))
    return str(getattr(annotation, "__name__", annotation)).removeprefix("typing.")
