"""Registry: entry points in, plugin classes out, each loaded when it is first named.

An entry point of the group `kestra_stream.plugins` has a type's name (canonical or alias) as its name and `module:Class` as value.
`kestra_stream.stand_ins` names what stands in for a type as long as nothing installed provides it, and `kestra_stream.storages`
the storages that settings may choose.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from kestra_stream.errors import NotFound
from kestra_stream.models.task import Plugin
from kestra_stream.plugin.api import RunnableTask
from kestra_stream.storage.interface import Storage

GROUP = "kestra_stream.plugins"
_KESTRA, _OLD = "io.kestra.", "io.kestra.core."
_LONGEST_NAME = 200
_MOST_HINTS = 2
_VERY_NEAR, _NEAR = 0.93, 0.7
STAND_INS = "kestra_stream.stand_ins"
STORAGES = "kestra_stream.storages"


@dataclass(frozen=True, slots=True)
class ResolvedType:
    """What a type's name stands for."""

    cls: type[Plugin]
    canonical: str
    is_alias: bool
    deprecated: str | None


class BrokenPlugin(NotFound):
    """A plugin is there but can not be loaded; the flows that name it pay for it, and nobody else."""


class Registry:
    """Plugin classes by name."""

    def __init__(self, points: Sequence[EntryPoint], stand_ins: Sequence[EntryPoint] = ()) -> None:
        self._points = {point.name: point for point in (*stand_ins, *points)}
        self._rivals = _rivals(points)
        self._classes: dict[str, type[Plugin]] = {}

    def register(self, cls: type[Plugin]) -> type[Plugin]:
        """Add a class without an entry point, for tests and programs that embed the engine."""
        for name in (cls.type_name, *cls.aliases):
            self._classes[name] = cls
        return cls

    def names(self) -> list[str]:
        """All names that a flow may write, aliases included, sorted."""
        return sorted({*self._points, *self._classes})

    def resolve(self, name: str) -> ResolvedType:
        """Return the class for a name.

        Raises:
            NotFound: there is none; the message names the nearest ones.
            BrokenPlugin: it can not be loaded.
        """
        cls = self._classes.get(name) or self._load(name)
        return ResolvedType(cls, cls.type_name or name, name != (cls.type_name or name), cls.deprecated)

    def _load(self, name: str) -> type[Plugin]:
        point = self._points.get(name)
        if point is None:
            raise NotFound(f"Invalid type: {name}{self._hint(name)}")
        if name in self._rivals:
            given = " and by ".join(_origin(one) for one in self._rivals[name])
            raise BrokenPlugin(f"the type {name} is given twice, by {given}: uninstall one of them")
        cls = _checked(name, point, _loaded(point))
        self._classes[name] = cls
        return cls

    def _hint(self, name: str) -> str:
        names = sorted(self.names(), key=lambda known: known.startswith(_OLD))
        group, _, last = name.rpartition(".")
        likely = get_close_matches(name[:_LONGEST_NAME], names, 2, _VERY_NEAR)
        near = likely or [known for known in names if known.rpartition(".")[2].lower() == last.lower()][:_MOST_HINTS]
        family = [known for known in names if known.startswith(f"{group}.")]
        if group and not near and family:
            near = get_close_matches(name[:_LONGEST_NAME], family, 2, _NEAR)
        if near:
            return f"; did you mean {' or '.join(near)}?"
        if name.startswith(_KESTRA) and not family:
            return f"; no plugin of {group} is installed, `kestra-stream plugin list` shows what is"
        return "; `kestra-stream plugin list` shows all types"


def _rivals(points: Sequence[EntryPoint]) -> Mapping[str, list[EntryPoint]]:
    """Names that lead to different classes."""
    by_name: dict[str, dict[str, EntryPoint]] = {}
    for point in points:
        by_name.setdefault(point.name, {})[point.value] = point
    return {name: list(found.values()) for name, found in by_name.items() if len(found) > 1}


def _origin(point: EntryPoint) -> str:
    return f"{point.value} of {point.dist.name}" if point.dist is not None else point.value


def _loaded(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        raise BrokenPlugin(f"the plugin {point.name} ({_origin(point)}) can not be loaded: {_told(error)}") from error


def _told(error: BaseException) -> str:
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _checked(name: str, point: EntryPoint, cls: object) -> type[Plugin]:
    """Return the class of a plugin; BrokenPlugin for what an author is likely to get wrong."""
    if not (isinstance(cls, type) and issubclass(cls, Plugin)):
        raise BrokenPlugin(
            f"the entry point {name} leads to {_origin(point)}, which is no plugin class: derive it from RunnableTask, Trigger, "
            "Condition or TaskRunner"
        )
    if issubclass(cls, RunnableTask) and cls.run is RunnableTask.run:
        raise BrokenPlugin(f"the entry point {name} leads to {_origin(point)}, which has no run(): write one, or override behaviour()")
    if cls.type_name and name not in (cls.type_name, *cls.aliases):
        raise BrokenPlugin(
            f"the entry point {name} leads to {_origin(point)}, whose type_name is {cls.type_name}: make them the same, or add "
            f"{name} to its aliases"
        )
    return cls


@cache
def default_registry() -> Registry:
    """Return the registry of what is installed."""
    installed = entry_points()
    return Registry(tuple(installed.select(group=GROUP)), tuple(installed.select(group=STAND_INS)))


def find_storage(name: str, points: Sequence[EntryPoint] | None = None) -> Callable[..., Storage]:
    """Return what opens a storage (a class, or a function, that takes the options of the settings by name).

    Raises:
        NotFound: nothing installed has this name.
        BrokenPlugin: it can not be loaded.
    """
    known = {point.name: point for point in (entry_points(group=STORAGES) if points is None else points)}
    if name not in known:
        raise NotFound(f"there is no storage `{name}`; there are {', '.join(sorted({'local', 's3', 'minio', *known}))}")
    opener = _loaded(known[name])
    if not callable(opener):
        raise BrokenPlugin(f"the storage {name} ({_origin(known[name])}) is neither a class nor a function")
    return cast("Callable[..., Storage]", opener)
