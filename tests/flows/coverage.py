"""What the conformance set covers: types and properties that its flows name, rules that its expectations name."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

import kestra_stream.models
from kestra_stream.models.document_model import Written
from kestra_stream.models.task import Plugin
from kestra_stream.plugin.registry import default_registry
from tests.flows.stage import documents, parsed

Name = tuple[str, str]

# What cannot be seen in a run of a flow, each with its reason.
NOT_IN_A_RUN: Mapping[Name, str] = {
    ("Flow", "tenant_id"): "never in a document: the server knows it",
    ("Flow", "revision"): "the server counts it; the document's line is ignored",
    ("Flow", "deleted"): "set by the server when a flow is deleted",
}


@cache
def types() -> Mapping[str, type[Plugin]]:
    """Built-in types by their canonical names."""
    registry = default_registry()
    found = [registry.resolve(name) for name in registry.names()]
    return {one.canonical: one.cls for one in found}


def properties() -> set[Name]:
    """All properties of built-in types and of the models of a flow document: (class that has it first, property)."""
    for module in pkgutil.iter_modules(kestra_stream.models.__path__, "kestra_stream.models."):
        importlib.import_module(module.name)
    plugins = set(types().values())
    models = [model for model in _subclasses(Written) if not issubclass(model, Plugin) and model.__module__.startswith("kestra_stream")]
    return {(_owner(model, name), name) for model in (*plugins, *models) for name in model.model_fields}


def _subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in model.__subclasses__():
        yield one
        yield from _subclasses(one)


def _owner(model: type[BaseModel], name: str) -> str:
    """Name the class that has a property first; a redefinition is the same property."""
    return next(one.__name__ for one in reversed(model.__mro__) if name in inspect.get_annotations(one))


def used(paths: list[Path]) -> tuple[set[str], set[Name]]:
    """Types and properties that flows name."""
    names: set[str] = set()
    found: set[Name] = set()
    by_class: dict[type[BaseModel], str] = {cls: name for name, cls in types().items()}
    for path in paths:
        for text in documents(path):
            for model in _parts(parsed(text)):
                found |= {(_owner(type(model), name), name) for name in model.model_fields_set & set(type(model).model_fields)}
                names |= {by_class[type(model)]} if type(model) in by_class else set()
    return names, found


def _parts(value: Any) -> Iterator[BaseModel]:
    """A model and all models inside of it; properties that hold text are not opened."""
    if isinstance(value, BaseModel):
        yield value
        for name in value.model_fields_set:
            yield from _parts(getattr(value, name))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _parts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _parts(one)


def rules(table: Path) -> dict[str, str]:
    """The rules of the flow language: `paragraph name` -> the rule."""
    paragraphs: dict[str, dict[str, str]] = yaml.safe_load(table.read_text(encoding="utf-8"))
    return {f"{paragraph} {name}": text for paragraph, named in paragraphs.items() for name, text in named.items()}
