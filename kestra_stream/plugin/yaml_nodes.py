"""YAML text -> plain data in which every value is known by its line and column. Bounded in size, depth and aliases."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from kestra_stream.errors import Fault, InvalidFlow

MOST_CHARACTERS = 5_000_000
MOST_DEPTH = 100
MOST_NODES = 1_000_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
Path = tuple[str | int, ...]
Mark = tuple[int, int]


@dataclass(slots=True)
class Document:
    """One document: its data, and the 1-based (line, column) of each value and each key by path."""

    data: Any
    source: str
    values: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def place(self, path: Path, *, key: bool = False) -> Mark:
        """Return the mark of a path, or of the nearest place around it that is known."""
        if key and path in self.keys:
            return self.keys[path]
        while path not in self.values and path:
            path = path[:-1]
        return self.values.get(path, (1, 1))


def load_documents(text: str, file: str = "") -> list[Document]:
    """Parse all documents of a text.

    Raises:
        InvalidFlow: it is not YAML, too big, or too deep; the fault has the place.
    """
    if len(text) > MOST_CHARACTERS:
        raise InvalidFlow([Fault(f"the document has {len(text)} characters, more than {MOST_CHARACTERS}", file=file)])
    try:
        nodes = list(yaml.compose_all(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"not YAML: {error.problem or error.context}" + (f" {error.context}" if error.problem and error.context else "")
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
        raise InvalidFlow([Fault(message, file=file, line=line, column=column)]) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidFlow([Fault(f"not YAML: {error}", file=file, line=1, column=1)]) from error
    starts = [node.start_mark.index for node in nodes]
    ends = [*starts[1:], len(text)]
    return [_Builder(file).document(node, text[start:end]) for node, start, end in zip(nodes, [0, *starts[1:]], ends, strict=True)]


class _Builder:
    """Turns one tree of nodes into data."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.count = 0
        self.values: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}
        self.faults: list[Fault] = []

    def document(self, node: yaml.Node, source: str) -> Document:
        data = self._build(node, ())
        return Document(data, source.removesuffix("---\n"), self.values, self.keys, self.faults)

    def _build(self, node: yaml.Node, path: Path) -> Any:
        mark = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.count += 1
        if self.count > MOST_NODES:
            raise InvalidFlow([Fault(f"the document grows to more than {MOST_NODES} values through its anchors", file=self.file)])
        if len(path) > MOST_DEPTH:
            raise InvalidFlow([Fault(f"nested more than {MOST_DEPTH} levels deep", "", self.file, *mark)])
        self.values[path] = mark
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*path, place)) for place, item in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                for part in _merged_nodes(value_node):
                    merged = {**merged, **self._mapping(part, path)} if isinstance(part, yaml.MappingNode) else merged
                continue
            key = _key(key_node)
            mark = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key in found:
                self.faults.append(Fault(f"the key `{key}` stands twice; remove one of them", path_text((*path, key)), self.file, *mark))
            self.keys[*path, key] = mark
            found[key] = self._build(value_node, (*path, key))
        return {**merged, **found} if merged else found


def _merged_nodes(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from reversed(node.value)
    else:
        yield node


def _key(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    return yaml.serialize(node, Dumper=yaml.SafeDumper).strip()


_TRUE, _FALSE = frozenset({"true", "True", "TRUE"}), frozenset({"false", "False", "FALSE"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})


def _scalar(node: yaml.Node) -> Any:
    """Give a plain scalar its type; only `true` and `false` are booleans, and dates stay text."""
    text = str(node.value)
    if isinstance(node, yaml.ScalarNode) and node.style is not None and node.tag in {f"{_TAG}str", "!"}:
        return text
    if text in _NULL:
        return None if node.tag != f"{_TAG}str" else text
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if node.tag == f"{_TAG}int":
        return _integer(text)
    if node.tag == f"{_TAG}float" or _looks_like_float(text):
        return _float(text)
    return text


def _integer(text: str) -> Any:
    plain = text.replace("_", "")
    try:
        if ":" in plain:
            return text
        if plain.lower().lstrip("+-").startswith(("0x", "0b", "0o")):
            return int(plain, 0)
        return int(plain, 8) if plain.lstrip("+-").startswith("0") and plain.lstrip("+-") != "0" else int(plain)
    except ValueError:
        return text


def _looks_like_float(text: str) -> bool:
    return text[:1] in "+-.0123456789" and "e" in text.lower() and text.lower().lstrip("+-0123456789.").startswith("e")


def _float(text: str) -> Any:
    lowered = text.lower().replace("_", "")
    if lowered.lstrip("+-") in {".inf", ".nan"}:
        return float(lowered.replace(".", ""))
    try:
        return float(lowered)
    except ValueError:
        return text


def path_text(path: Path) -> str:
    """Write a path as a person would: `tasks[2].retry.interval`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
