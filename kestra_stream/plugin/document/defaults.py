"""Plugin defaults: a flow document in, the same document with the values injected out. Nothing is changed in place.

Data and places are merged side by side, so that a fault in a value that came from an entry is found where the entry stands.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from kestra_stream.document.places import Mark, Place

_NOT_PLUGINS = frozenset({"inputs", "outputs", "pluginDefaults", "taskDefaults", "retry", "sla", "labels", "variables"})
_SERVER = "the server's plugin defaults"
Canonical = Callable[[str], str | None]
Placed = tuple[Any, Place]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of plugin defaults."""

    type: str
    values: Mapping[str, Any]
    place: Place
    is_forced: bool
    is_global: bool

    @property
    def rank(self) -> tuple[bool, int]:
        """Entries of the flow come before those of the server, among each the longer type first."""
        return (self.is_global, -len(self.type))

    def placed(self, mark: Mark) -> Placed:
        """Its values anew, so that each plugin has its own; those of the server stand in no document, but near the plugin's mark."""
        return deepcopy(self.values), Place(mark, origin=_SERVER) if self.is_global else self.place


def inject(
    document: Mapping[str, object], place: Place, server: Sequence[Mapping[str, object]], canonical: Canonical
) -> tuple[dict[str, object], Place]:
    """Apply the flow's defaults, then the server's, to every map that has a type.

    Values of a task win over defaults; forced defaults win over values, and among those the server's win. `canonical` gives the
    canonical name of a type, None for one that is not known.
    """
    name = "pluginDefaults" if isinstance(document.get("pluginDefaults"), list) else "taskDefaults"
    entries = [*_entries(document.get(name), _child(place, name), name), *_server_entries(server)]
    if not entries:
        return dict(document), place
    injection = _Injection(entries, canonical)
    data = dict(document)
    children = dict(place.children)
    for key, value in document.items():
        if key not in _NOT_PLUGINS:
            data[key], children[key] = injection.apply(value, _child(place, key))
    return data, Place(place.mark, children, place.keys)


def _entries(found: object, place: Place, name: str) -> list[_Entry]:
    return [
        _Entry(
            type=entry["type"],
            values=entry["values"],
            place=_child(_child(place, number), "values").with_origin(f"{name}[{number}]"),
            is_forced=entry.get("forced") is True,
            is_global=False,
        )
        for number, entry in enumerate(found if isinstance(found, list) else ())
        if _is_entry(entry)
    ]


def _server_entries(server: Sequence[Mapping[str, Any]]) -> list[_Entry]:
    place = Place((1, 1), origin=_SERVER)
    entries = (entry for entry in server if _is_entry(entry))
    return [_Entry(entry["type"], entry["values"], place, entry.get("forced") is True, is_global=True) for entry in entries]


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, Mapping)
        and isinstance(entry.get("type"), str)
        and bool(entry["type"])
        and isinstance(entry.get("values"), Mapping)
    )


class _Injection:
    """Applies entries to all plugins of a document."""

    def __init__(self, entries: Sequence[_Entry], canonical: Canonical) -> None:
        self._fillers = sorted((entry for entry in entries if not entry.is_forced), key=lambda entry: entry.rank)
        forced = (entry for entry in entries if entry.is_forced)
        self._forced = sorted(forced, key=lambda entry: (entry.is_global, len(entry.type)))
        self._canonical = canonical

    def apply(self, value: object, place: Place) -> Placed:
        """Return a value with the defaults injected into every plugin in it."""
        if isinstance(value, list):
            items = [self.apply(item, _child(place, number)) for number, item in enumerate(value)]
            return [item for item, _ in items], Place(place.mark, dict(enumerate(one for _, one in items)), {}, place.origin)
        if not isinstance(value, Mapping):
            return value, place
        data, children = dict(value), dict(place.children)
        for key, item in value.items():
            if key not in _NOT_PLUGINS:
                data[key], children[key] = self.apply(item, _child(place, key))
        return self._injected((data, Place(place.mark, children, place.keys, place.origin)))

    def _injected(self, plugin: Placed) -> Placed:
        name = plugin[0].get("type")
        if not isinstance(name, str) or "." not in name:
            return plugin
        mark, origin = plugin[1].mark, plugin[1].origin
        for entry in self._fillers:
            if self._matches(entry.type, name):
                plugin = merged(entry.placed(mark), plugin)
        for entry in self._forced:
            if self._matches(entry.type, name):
                plugin = merged(plugin, entry.placed(mark))
        return plugin[0], Place(mark, plugin[1].children, plugin[1].keys, origin)

    def _matches(self, wanted: str, name: str) -> bool:
        """An entry is for its type under all its names, or, when its type is no plugin's, for all types that begin with it."""
        canonical = self._canonical(wanted)
        if canonical is not None:
            return name == wanted or self._canonical(name) == canonical
        return name.startswith(wanted) or (self._canonical(name) or name).startswith(wanted)


def merged(under: Placed, over: Placed) -> Placed:
    """Merge deeply: maps by key, lists one behind the other, anything else is replaced."""
    low, high = under[0], over[0]
    if isinstance(low, Mapping) and isinstance(high, Mapping):
        data, children = dict(low), {key: _child(under[1], key) for key in low}
        for key, value in high.items():
            place = _child(over[1], key)
            data[key], children[key] = merged((low[key], children[key]), (value, place)) if key in low else (value, place)
        return data, Place(over[1].mark, children, {**under[1].keys, **over[1].keys}, over[1].origin)
    if isinstance(low, list) and isinstance(high, list):
        places = [*(_child(under[1], number) for number in range(len(low))), *(_child(over[1], number) for number in range(len(high)))]
        return [*low, *high], Place(over[1].mark, dict(enumerate(places)), {}, over[1].origin)
    return over


def _child(place: Place, step: str | int) -> Place:
    """The place of a part, put there by whoever put the whole there."""
    found = place.children.get(step)
    if found is None:
        return Place(place.mark, origin=place.origin)
    return found.with_origin(place.origin) if place.origin and not found.origin else found
