"""Plugin defaults: a flow document in, the same document with the values injected out. Nothing is changed in place."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_NOT_PLUGINS = frozenset({"inputs", "outputs", "pluginDefaults", "taskDefaults", "retry", "sla", "labels", "variables"})
Canonical = Callable[[str], str]


def inject(document: Mapping[str, Any], server: Sequence[Mapping[str, Any]], canonical: Canonical) -> dict[str, Any]:
    """Apply the flow's defaults, then the server's, to every map that has a type. `canonical` resolves aliases.

    Values of a task win over defaults; forced defaults win over values, and among those the server's win.
    """
    own = document.get("pluginDefaults") or document.get("taskDefaults") or ()
    entries = [entry for entry in (*own, *server) if isinstance(entry, Mapping) and isinstance(entry.get("values"), Mapping)]
    if not entries:
        return dict(document)
    ordered = sorted(entries, key=lambda entry: -len(str(entry.get("type", ""))))
    return {key: value if key in _NOT_PLUGINS else _injected(value, ordered, canonical) for key, value in document.items()}


def _injected(value: Any, entries: Sequence[Mapping[str, Any]], canonical: Canonical) -> Any:
    if isinstance(value, list):
        return [_injected(item, entries, canonical) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {key: item if key in _NOT_PLUGINS else _injected(item, entries, canonical) for key, item in value.items()}
    name = inner.get("type")
    if not isinstance(name, str) or "." not in name:
        return inner
    for entry in entries:
        if _matches(str(entry.get("type", "")), name, canonical):
            values = dict(entry["values"])
            inner = merged(inner, values) if entry.get("forced") is True else merged(values, inner)
    return inner


def _matches(wanted: str, name: str, canonical: Canonical) -> bool:
    return bool(wanted) and (name == wanted or canonical(name) == canonical(wanted) or canonical(name).startswith(wanted.rstrip(".") + "."))


def merged(under: Any, over: Any) -> Any:
    """Merge deeply: maps by key, lists one behind the other, anything else is replaced."""
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return {**under, **{key: merged(under[key], value) if key in under else value for key, value in over.items()}}
    if isinstance(under, list) and isinstance(over, list):
        return [*under, *over]
    return over
