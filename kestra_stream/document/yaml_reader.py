"""YAML text -> plain data with the place of every value. Bounded in size, depth and aliases: nothing that a text holds can blow up.

It goes over the parser's events with a stack of its own and stops at the first event too many, because the parser itself takes time
that grows with the square of the depth.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from kestra_stream.document.places import Mark, Path, Place, path_text
from kestra_stream.document.scalars import scalar
from kestra_stream.document.yaml_errors import sentence_and_mark
from kestra_stream.errors import Fault

MOST_CHARACTERS = 5_000_000
MOST_DEPTH = 200
MOST_VALUES = 300_000
MOST_DOCUMENTS = 1_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORBIDDEN = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(slots=True)
class Document:
    """One document: its data, its text, where each value stands, and what is wrong with it as YAML."""

    data: Any
    source: str
    place: Place
    faults: list[Fault] = field(default_factory=list)
    whole: str = ""

    def lines(self) -> list[str]:
        """Return the lines of the whole text that the document stands in; marks count these."""
        return _BREAK.split(self.whole)


class _Refused(Exception):
    """The text is no YAML, or too much of it."""

    def __init__(self, message: str, mark: Mark) -> None:
        super().__init__(message)
        self.fault = (message, mark)


def load_documents(text: str, file: str = "") -> list[Document]:
    """Parse all documents of a text that are not empty; where the text stops being YAML, the last document holds that fault."""
    text = text.removeprefix("\ufeff")
    builder = _Builder(text, file)
    try:
        _check_characters(text)
        builder.run()
    except _Refused as error:
        message, mark = error.fault
    except yaml.MarkedYAMLError as error:
        message, mark = sentence_and_mark(error, text)
    except (yaml.YAMLError, ValueError) as error:
        message, mark = f"not YAML: {error}", (1, 1)
    else:
        return builder.documents
    return [*builder.documents, Document(None, text, Place(mark), [Fault(message, "", file, *mark)])]


def _check_characters(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise _Refused(f"the document has {len(text)} characters, more than {MOST_CHARACTERS}", (1, 1))
    found = _FORBIDDEN.search(text)
    if found is not None:
        before = _BREAK.split(text[: found.start()])
        name = f"U+{ord(found.group()):04X}"
        raise _Refused(f"not YAML: the character {name} may not stand here; write it as an escape in double quotes", _mark_of(before))


def _mark_of(lines: list[str]) -> Mark:
    return len(lines), len(lines[-1]) + 1


@dataclass(slots=True)
class _Open:
    """A map or list that has begun and not yet ended."""

    data: Any
    mark: Mark
    anchor: str | None
    start: int
    children: dict[str | int, Place] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)
    is_key: bool = False
    has_odd_key: bool = False
    key: str | None = None
    key_mark: Mark = (1, 1)
    is_merge: bool = False
    merges: list[tuple[object, Place]] = field(default_factory=list)
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an anchor stands for; `height` is the number of its levels."""

    data: object
    place: Place
    height: int


class _Builder:
    """Builds data and places from the events of one text."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.documents: list[Document] = []
        self._count = 0
        self._number = 0
        self._begin(0)

    def _begin(self, index: int) -> None:
        self._start = index
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._faults: list[Fault] = []
        self._root: tuple[object, Place] | None = None

    def run(self) -> None:
        """Take all events."""
        for event in yaml.parse(self.text, Loader=_LOADER):
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.CollectionStartEvent():
                    self._container(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
                case yaml.CollectionEndEvent():
                    self._close(event)
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.DocumentStartEvent():
                    self._document(event)
                case _:
                    pass
        self._end(len(self.text))

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self._number += 1
        if self._number > 1:
            self._end(_start(event))
        if self._number > MOST_DOCUMENTS:
            raise _Refused(f"the text has more than {MOST_DOCUMENTS} documents", _mark(event))

    def _end(self, index: int) -> None:
        """Keep the document that ends here, unless there is nothing in it."""
        source = self.text[self._start : index]
        if self._root is not None and (self._root[0] is not None or self._faults):
            data, place = self._root
            self.documents.append(Document(data, re.sub(r"\A---[ \t]*(\r?\n|\Z)", "", source), place, self._faults, self.text))
            self._begin(index)
        else:
            self._begin(self._start if not self.documents else index)

    # -- events ----------------------------------------------------------------------------------------------------------

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        level = self._open[-1] if self._open else None
        if level is not None and level.key is None and isinstance(level.data, dict):
            self._name_key(level, str(event.value), _mark(event), is_merge=event.value == "<<" and event.implicit[0])
            if event.anchor is not None:
                self._anchors[event.anchor] = _Anchored(event.value, Place(_mark(event)), 0)
            return
        self._put(_Anchored(scalar(event), Place(self._counted(event)), 0), event.anchor)

    def _container(self, event: yaml.CollectionStartEvent, data: dict[str, object] | list[object]) -> None:
        level = self._open[-1] if self._open else None
        mark = self._counted(event)
        if len(self._open) >= MOST_DEPTH:
            raise _Refused(f"nested more than {MOST_DEPTH} levels deep", mark)
        is_key = level is not None and level.key is None and isinstance(level.data, dict)
        if is_key:
            self._fault(
                'a map or list can not be a key; write text with an expression in quotes, as "{{ inputs.name }}"', self._path(), mark
            )
        self._open.append(_Open(data, mark, event.anchor, _start(event), is_key=is_key))

    def _close(self, event: yaml.CollectionEndEvent) -> None:
        level = self._open.pop()
        end = event.end_mark
        if level.merges:
            _merge(level)
        if level.is_key:
            self._name_key(self._open[-1], "?", level.mark)
            self._open[-1].has_odd_key = True
        elif level.has_odd_key:
            self._put(_Anchored(self.text[level.start : end.index if end is not None else None], Place(level.mark), 0), level.anchor)
        else:
            self._put(_Anchored(level.data, Place(level.mark, level.children, level.keys), level.height), level.anchor)

    def _alias(self, event: yaml.AliasEvent) -> None:
        known = self._anchors.get(event.anchor or "")
        mark = _mark(event)
        if known is None:
            is_open = any(level.anchor == event.anchor for level in self._open)
            reason = "is used inside of itself" if is_open else "is not there; an anchor stands before what uses it"
            self._fault(f"the anchor `{event.anchor}` {reason}", self._path(), mark)
            known = _Anchored(None, Place(mark), 0)
        if len(self._open) + known.height > MOST_DEPTH:
            raise _Refused(f"nested more than {MOST_DEPTH} levels deep through its anchors", mark)
        level = self._open[-1] if self._open else None
        if level is not None and level.key is None and isinstance(level.data, dict):
            self._name_key(level, str(known.data), mark)
            return
        self._put(_Anchored(self._copied(known.data, mark), known.place, known.height), None)

    # -- building --------------------------------------------------------------------------------------------------------

    def _name_key(self, level: _Open, key: str, mark: Mark, *, is_merge: bool = False) -> None:
        level.key, level.key_mark, level.is_merge = key, mark, is_merge
        if not is_merge and key in level.data:
            first = level.keys[key][0]
            self._fault(f"the key `{key}` stands twice, first in line {first}; remove one of them", self._path(), mark)

    def _put(self, value: _Anchored, anchor: str | None) -> None:
        """Put a value where it belongs: into the open list or map, or to the root."""
        if anchor is not None:
            self._anchors[anchor] = value
        if not self._open:
            self._root = (value.data, value.place)
            return
        level = self._open[-1]
        level.height = max(level.height, value.height + 1)
        if isinstance(level.data, list):
            level.children[len(level.data)] = value.place
            level.data.append(value.data)
            return
        key, level.key = level.key or "", None
        if level.is_merge:
            self._note_merge(level, value.data, value.place)
        else:
            level.data[key] = value.data
            level.children[key] = value.place
            level.keys[key] = level.key_mark

    def _note_merge(self, level: _Open, data: object, place: Place) -> None:
        parts = [(one, place.children[number]) for number, one in enumerate(data)] if isinstance(data, list) else [(data, place)]
        if not all(isinstance(part, dict) for part, _ in parts):
            self._fault("`<<` takes a map, or a list of maps", self._path(), level.key_mark)
            return
        level.merges.extend(parts)

    def _copied(self, data: object, mark: Mark) -> object:
        """Copy what an alias stands for, and count it: a few lines of aliases of aliases can mean more than a memory holds."""
        self._count += 1
        if self._count > MOST_VALUES:
            raise _Refused(f"the document grows to more than {MOST_VALUES} values through its anchors", mark)
        if isinstance(data, dict):
            return {key: self._copied(value, mark) for key, value in data.items()}
        if isinstance(data, list):
            return [self._copied(value, mark) for value in data]
        return data

    def _counted(self, event: yaml.Event) -> Mark:
        self._count += 1
        mark = _mark(event)
        if self._count > MOST_VALUES:
            raise _Refused(f"the document has more than {MOST_VALUES} values", mark)
        return mark

    def _path(self) -> Path:
        steps: Iterator[str | int | None] = (level.key if isinstance(level.data, dict) else len(level.data) for level in self._open)
        return tuple(step for step in steps if step is not None)

    def _fault(self, message: str, path: Path, mark: Mark) -> None:
        self._faults.append(Fault(message, path_text(path), self.file, *mark))


def _mark(event: yaml.Event) -> Mark:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _start(event: yaml.Event) -> int:
    """Where an event stands in the text; the parser sets every mark, though its types say otherwise."""
    mark = event.start_mark
    return mark.index if mark is not None else 0


def _merge(level: _Open) -> None:
    """Put the keys of merged maps before the map's own; the own win, then the first that was merged."""
    own = (level.data, Place(level.mark, level.children, level.keys))
    level.data, level.children, level.keys = {}, {}, {}
    for part, place in (*reversed(level.merges), own):
        level.data |= part
        level.children |= place.children
        level.keys |= place.keys
