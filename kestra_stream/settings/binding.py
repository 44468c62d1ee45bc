"""Binding: what somebody wrote in (a document, environment variables), values by field and where each stands out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic.fields import FieldInfo

from kestra_stream.document.places import Mark, Place
from kestra_stream.errors import Fault
from kestra_stream.settings.keys import entry_section_of, fields_of, find_field, nearest, section_of, written
from kestra_stream.settings.section import Section, as_texts, holds_properties
from kestra_stream.settings.sections import Settings

ROOT = "kestra"
Path = tuple[str | int, ...]
Resolve = Callable[[str], str]
_FOREIGN = {
    "micronaut": "settings of the reference's web framework",
    "endpoints": "settings of the reference's web framework (the port of health and metrics is `kestra.server.port`)",
    "datasources": "settings of a database, which this engine does not have yet",
    "logger": "settings of the reference's logging",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: a place in a file, or a variable (then without a line)."""

    file: str
    mark: Mark = (0, 0)

    def fault(self, message: str, path: Path) -> Fault:
        """Say what is wrong with what stands here."""
        return Fault(message, dotted(path), self.file, *self.mark)


@dataclass(slots=True)
class Bound:
    """Values by field, as nested maps; where each stands; what is wrong."""

    data: dict[str, object] = field(default_factory=dict)
    origins: dict[Path, Origin] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def origin(self, path: Path) -> Origin:
        """Where a value, or what is around it, comes from."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return Origin("")


def dotted(path: Path) -> str:
    """Write a path as people know it: `kestra.plugins.defaults[0].type`."""
    return ROOT + "".join(f"[{part}]" if isinstance(part, int) else f".{written(part)}" for part in path)


def over(base: dict[str, object], more: Mapping[str, object]) -> dict[str, object]:
    """Return nested maps with others laid over them."""
    merged = dict(base)
    for key, value in more.items():
        below = merged.get(key)
        merged[key] = over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


class Binder:
    """Binds one document.

    Args:
        file: its name.
        resolve: puts in place what a text asks for as `${NAME}`; raises KeyError with the name that is missing.
    """

    def __init__(self, file: str, resolve: Resolve) -> None:
        self.bound = Bound()
        self._file = file
        self._resolve = resolve

    def document(self, data: object, place: Place) -> Bound:
        """Bind the whole document; what is below `kestra` counts."""
        if not isinstance(data, dict):
            self._fault("settings are a map with the key `kestra`", (), place.mark)
            return self.bound
        for key, value in data.items():
            head, _, rest = str(key).partition(".")
            mark, inner = place.keys.get(key, place.mark), place.children.get(key, place)
            if head.lower() == ROOT and not rest:
                self._section(Settings, value, inner, ())
            elif head.lower() == ROOT:
                self._section(Settings, {rest: value}, Place(mark, {rest: inner}, {rest: mark}), ())
            else:
                self._foreign(str(key), head, mark)
        return self.bound

    def _foreign(self, key: str, head: str, mark: Mark) -> None:
        if head in _FOREIGN:
            message = f"`{head}` holds {_FOREIGN[head]}: take it out"
        elif find_field(Settings, head) is not None:
            message = f"`{key}` belongs below `{ROOT}:`"
        else:
            message = f"`{key}` is not known; all settings stand below `{ROOT}:`"
        self.bound.faults.append(Fault(message, "", self._file, *mark))

    def _section(self, section: type[Section], data: object, place: Place, path: Path) -> None:
        if data is None:
            return
        if not isinstance(data, dict):
            self._fault("must be a map of settings", path, place.mark)
            return
        for key, value in data.items():
            mark, inner = place.keys.get(key, place.mark), place.children.get(key, place)
            name = find_field(section, str(key))
            head, _, rest = str(key).partition(".")
            if name is not None:
                self._field(name, fields_of(section)[name], value, inner, path)
            elif rest and find_field(section, head) is not None:
                self._section(section, {head: {rest: value}}, _nested(head, rest, inner, mark), path)
            else:
                known = list(map(written, fields_of(section)))
                self._fault(f"`{key}` is not known{nearest(str(key), known) or _all_of(known)}", path, mark)

    def _field(self, name: str, info: FieldInfo, value: object, place: Place, path: Path) -> None:
        path = (*path, name)
        section, entries = section_of(info), entry_section_of(info)
        if section is not None:
            self._section(section, value, place, path)
        elif entries is not None and isinstance(value, list):
            self._put(path, [{} for _ in value], place)
            for number, entry in enumerate(value):
                self.bound.origins[*path, number] = Origin(self._file, place.children.get(number, place).mark)
                self._section(entries, entry, place.children.get(number, place), (*path, number))
        elif holds_properties(info) and isinstance(value, dict):
            for key, text in as_texts(self._resolved(value, path, place)).items():
                self._put((*path, key), text, place.children.get(key, place))
        else:
            self._put(path, self._resolved(value, path, place), place)

    def _put(self, path: Path, value: object, place: Place) -> None:
        at: dict[str, object] | list[object] = self.bound.data
        for step in path[:-1]:
            inner: object = at[step] if isinstance(at, list) and isinstance(step, int) else _child(at, step)
            at = inner if isinstance(inner, dict | list) else {}
        last = str(path[-1])
        if isinstance(at, dict):
            if last in at:
                self._fault("is set twice in this document", path, place.mark)
            at[last] = value
        self.bound.origins[path] = Origin(self._file, place.mark)

    def _resolved(self, value: object, path: Path, place: Place) -> object:
        """Put the environment into texts, as `${NAME}` and `${NAME:default}` ask for."""
        if isinstance(value, dict):
            return {key: self._resolved(one, (*path, str(key)), place.children.get(key, place)) for key, one in value.items()}
        if isinstance(value, list):
            return [self._resolved(one, path, place.children.get(number, place)) for number, one in enumerate(value)]
        if not isinstance(value, str):
            return value
        try:
            return self._resolve(value)
        except KeyError as error:
            self._fault(f"asks for the environment variable {error.args[0]}, which is not set", path, place.mark)
            return None

    def _fault(self, message: str, path: Path, mark: Mark) -> None:
        self.bound.faults.append(Origin(self._file, mark).fault(message, path))


def placeholders(environ: Mapping[str, str]) -> Resolve:
    """Return what puts the environment into a text."""
    pattern = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_.]*)(?::([^}]*))?\}")

    def resolve(text: str) -> str:
        def value(found: re.Match[str]) -> str:
            name, default = found.groups()
            if name not in environ and default is None:
                raise KeyError(name)
            return environ.get(name, default)

        return pattern.sub(value, text) if "${" in text else text

    return resolve


def _nested(head: str, rest: str, inner: Place, mark: Mark) -> Place:
    return Place(mark, {head: Place(mark, {rest: inner}, {rest: mark})}, {head: mark})


def _child(at: dict[str, object] | list[object], step: str | int) -> object:
    return at.setdefault(str(step), {}) if isinstance(at, dict) else None


def _all_of(known: list[str]) -> str:
    return f"; there is {', '.join(known)}" if known else ""
