"""Keys: what people write in, the field that it means out. `topic-prefix`, `topicPrefix` and `topic_prefix` are one key."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from kestra_stream.settings.section import Section, holds_properties

_NEAR = 0.6


def compact(key: str) -> str:
    """Return what all spellings of a key have in common."""
    return key.replace("-", "").replace("_", "").lower()


def name_of(name: str, field: FieldInfo) -> str:
    """Return the name that a field is filled by."""
    return field.alias or name


def written(name: str) -> str:
    """Write a field as the reference does: `topic-prefix`."""
    return name.replace("_", "-")


def fields_of(section: type[Section]) -> Mapping[str, FieldInfo]:
    """Fields by the names that they are filled by."""
    return {name_of(name, field): field for name, field in section.model_fields.items()}


def find_field(section: type[Section], key: str) -> str | None:
    """Return the name of the field that a key means; None when there is none."""
    wanted = compact(key)
    return next((name for name in fields_of(section) if compact(name) == wanted), None)


def section_of(field: FieldInfo) -> type[Section] | None:
    """Return the class of a field that is a section, None for any other."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def entry_section_of(field: FieldInfo) -> type[Section] | None:
    """Return the class of the entries of a field that is a list of sections, None for any other."""
    arguments = get_args(field.annotation)
    first = arguments[0] if get_origin(field.annotation) is tuple and arguments else None
    return first if isinstance(first, type) and issubclass(first, Section) else None


def is_map(field: FieldInfo) -> bool:
    """Whether a field takes any keys."""
    return get_origin(field.annotation) is not None and issubclass(_plain(get_origin(field.annotation)), Mapping)


def joint_of(field: FieldInfo) -> str:
    """What joins the words of a key in an environment variable: dots for properties of a client, underscores for any other map."""
    return "." if holds_properties(field) else "_"


def all_keys(section: type[Section], prefix: str = "kestra") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every key that may be set, by its dotted name."""
    for name, field in fields_of(section).items():
        inner = section_of(field)
        dotted = f"{prefix}.{written(name)}"
        if inner is None:
            yield dotted, field
        else:
            yield from all_keys(inner, dotted)


def nearest(wrong: str, known: list[str]) -> str:
    """Return ` (did you mean ...?)` when something is near."""
    by_compact = {compact(name): name for name in known}
    found = get_close_matches(compact(wrong)[:100], list(by_compact), 1, _NEAR)
    return f"; did you mean `{by_compact[found[0]]}`?" if found else ""


def _plain(kind: Any) -> type:
    return kind if isinstance(kind, type) else object
