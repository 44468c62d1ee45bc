"""Errors that a process did not expect: the loops of the engine tell those with a traceback."""

from pathlib import Path

_BEFORE, _AFTER = 1, 40


def surprises_in(folder: Path) -> list[str]:
    """Return each one in the logs of a folder, with the lines around it."""
    found: list[str] = []
    for log in sorted(folder.glob("*.log")):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        places = [at for at, line in enumerate(lines) if "Traceback (" in line]
        found += [f"{log.stem}: " + "\n".join(lines[max(at - _BEFORE, 0) : at + _AFTER]) for at in places]
    return found
