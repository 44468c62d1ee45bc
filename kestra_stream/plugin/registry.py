"""Registry: entry points in, plugin classes out, each loaded when it is first named.

An entry point of the group `kestra_stream.plugins` has a type's name (canonical or alias) as its name and `module:Class` as value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from kestra_stream.errors import NotFound
from kestra_stream.models.task import Plugin

GROUP = "kestra_stream.plugins"
_KESTRA = "io.kestra."
_LONGEST_NAME = 200
_MOST_HINTS = 2
_VERY_NEAR, _NEAR = 0.93, 0.7


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

    def __init__(self, points: Sequence[EntryPoint]) -> None:
        self._points = {point.name: point for point in points}
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
        try:
            cls = point.load()
        except (Exception, SystemExit) as error:
            where = f" of {point.dist.name}" if point.dist is not None else ""
            raise BrokenPlugin(f"the plugin {name}{where} can not be loaded: {type(error).__name__}: {error}") from error
        if not (isinstance(cls, type) and issubclass(cls, Plugin)):
            raise BrokenPlugin(f"the plugin {name} ({point.value}) is not a plugin class")
        self._classes[name] = cls
        return cls

    def _hint(self, name: str) -> str:
        names = self.names()
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


@cache
def default_registry() -> Registry:
    """Return the registry of what is installed."""
    return Registry(tuple(entry_points(group=GROUP)))
