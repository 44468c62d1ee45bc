"""Flow files: paths on the command line in, documents out; what cannot be read is a fault like any other."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kestra_stream.document.yaml_reader import MOST_CHARACTERS
from kestra_stream.errors import Fault
from kestra_stream.plugin.flow_source import ParsedFlow, parse_flows

Defaults = Sequence[Mapping[str, object]]

_SUFFIXES = frozenset({".yaml", ".yml"})
_STDIN = Path("-")
_MOST_BYTES = 4 * MOST_CHARACTERS


def read_all(paths: Sequence[Path], defaults: Defaults = ()) -> dict[Path, list[ParsedFlow]]:
    """Parse the flow files of paths, each once, with the defaults of plugins: folders are searched through, `-` is standard input."""
    found: dict[Path, list[ParsedFlow]] = {}
    seen: set[Path] = set()
    for path in paths:
        files = list(flow_files(path))
        if not files:
            found[path] = [_faulty("there is no flow file (*.yaml, *.yml) in this folder", path)]
        for file in files:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                found[file] = read_flows(file, defaults)
    return found


def flow_files(path: Path) -> Iterator[Path]:
    """Yield the flow files that a path stands for, in the order of their names; hidden ones are passed over."""
    if path == _STDIN or not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        is_hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if file.suffix in _SUFFIXES and not is_hidden and not file.is_dir():
            yield file


def read_flows(path: Path, defaults: Defaults = ()) -> list[ParsedFlow]:
    """Parse one file, which may hold several documents."""
    try:
        data = _bytes(path)
    except OSError as error:
        return [_faulty(f"cannot be read: {error.strerror or error}", path)]
    if len(data) > _MOST_BYTES:
        return [_faulty(f"it has more than {_MOST_BYTES:,} bytes; a flow has fewer than {MOST_CHARACTERS:,} characters", path)]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        return [ParsedFlow(None, (Fault("this is not UTF-8 text; save the file as UTF-8", "", _name(path), line, column),))]
    return parse_flows(text, _name(path), defaults=defaults) or [_faulty("there is no flow in it", path)]


def _bytes(path: Path) -> bytes:
    if path != _STDIN:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES + 1)
    if sys.stdin is None:
        raise OSError("standard input is closed")
    return sys.stdin.buffer.read(_MOST_BYTES + 1)


def _name(path: Path) -> str:
    return "<stdin>" if path == _STDIN else str(path)


def _faulty(message: str, path: Path) -> ParsedFlow:
    return ParsedFlow(None, (Fault(message, file=_name(path)),))
