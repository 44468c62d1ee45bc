"""Flow files: paths on the command line in, documents out."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from kestra_stream.errors import Fault, Invalid
from kestra_stream.plugin.flow_source import ParsedFlow, parse_flows

_SUFFIXES = frozenset({".yaml", ".yml"})


def flow_files(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the flow files of paths, each once; folders are searched through.

    Raises:
        Invalid: a path does not exist.
    """
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise Invalid(f"{path}: there is no such file or folder")
        found = sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES) if path.is_dir() else [path]
        for one in found:
            if one.resolve() not in seen:
                seen.add(one.resolve())
                yield one


def read_flows(path: Path) -> list[ParsedFlow]:
    """Parse one file; a file that is not text is a fault, too."""
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        return [ParsedFlow(None, (Fault(f"cannot be read as UTF-8 text: {error}", file=str(path)),))]
    parsed = parse_flows(text, str(path))
    return parsed or [ParsedFlow(None, (Fault("there is no flow in it", file=str(path)),))]
