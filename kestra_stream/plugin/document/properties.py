"""Properties of what a flow can name: a class in, the names that a flow may write, and those that it better does not."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Literal, get_args, get_origin

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from kestra_stream.models.document_model import Steps

DEPRECATED = "Deprecated"


def names_of(name: str, field: FieldInfo) -> tuple[str, ...]:
    """Return the names under which a document may write a field, the usual one first."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(str(choice) for choice in alias.choices if "_" not in str(choice))
    return (field.alias or name,)


@cache
def properties(cls: type[BaseModel]) -> tuple[str, ...]:
    """Return the usual name of every property."""
    return tuple(names_of(name, field)[0] for name, field in cls.model_fields.items())


@cache
def all_names(cls: type[BaseModel]) -> frozenset[str]:
    """Return every name that a property may have."""
    return frozenset(known for name, field in cls.model_fields.items() for known in (name, *names_of(name, field)))


@cache
def deprecated_properties(cls: type[BaseModel]) -> Mapping[str, str]:
    """Return what is deprecated, with what to do instead: properties whose description says so."""
    return {
        names_of(name, field)[0]: field.description.rstrip(".")
        for name, field in cls.model_fields.items()
        if field.description is not None and field.description.startswith(DEPRECATED)
    }


def classes_at(cls: type[BaseModel], location: Steps) -> list[type[BaseModel]]:
    """Return the classes that a value at a location below a class may be of; steps may also name members of a union."""
    found = [cls]
    for step in location:
        if isinstance(step, int):
            continue
        inner = [field.annotation for one in found for name, field in one.model_fields.items() if step in {name, *names_of(name, field)}]
        if inner:
            found = [one for annotation in inner for one in _classes_in(annotation)]
        else:
            found = [one for one in found if step == one.__name__ or step in _tags(one)] or found
    return found


def _classes_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    if get_origin(annotation) is not Literal:
        for inner in get_args(annotation):
            yield from _classes_in(inner)


def _tags(cls: type[BaseModel]) -> tuple[object, ...]:
    field = cls.model_fields.get("type")
    return get_args(field.annotation) if field is not None else ()
