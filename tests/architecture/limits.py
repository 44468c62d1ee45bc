"""The numbers of the house in one table; where one was moved, the decision record that says why stands beside it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that the tree keeps.

    Attributes:
        value: what is allowed now.
        house: what the house asks for.
        decision: number of the record in docs/decisions that moved the value away from the house's; empty while they are equal.
    """

    value: float
    house: float
    decision: str = ""


LIMITS = {
    "file lines, median": Limit(120, 120),
    "file lines, 90th percentile": Limit(300, 300),
    "file lines, longest": Limit(500, 500),
    "function lines, 90th percentile": Limit(20, 20),
    "function lines, longest": Limit(50, 50),
    "class lines": Limit(250, 250),
    "public methods of a class": Limit(12, 12),
    "parameters of a constructor": Limit(7, 7),
    "cyclomatic complexity, mean": Limit(2.2, 2.2),
    "cyclomatic complexity, highest": Limit(10, 10),
    "modules in a package": Limit(15, 15),
    "depth of packages": Limit(4, 4),
    "Any per 1000 lines": Limit(5, 5),
    "type: ignore per 1000 lines": Limit(1, 1),
    "cast per 1000 lines": Limit(1, 1),
    "documented public functions, %": Limit(80, 80),
    "comments per 100 lines": Limit(6, 6),
    "lines of a comment": Limit(3, 3),
    "test lines per source line": Limit(1.0, 1.0),
    "lines with a mock per 100 tests": Limit(5, 5),
}

# Places that one number does not fit, each with its reason. A place that has come to fit must leave the table.
EXCEPTIONS: dict[str, dict[str, str]] = {
    "file lines, longest": {},
    "class lines": {},
    "public methods of a class": {},
    "parameters of a constructor": {},
    "modules in a package": {},
}

# Where `except Exception` may stand: `file:function` -> one of the six borders that house every unknown error.
BORDER_KINDS = frozenset({"loop", "attempt", "trigger", "route", "plugin load", "shutdown"})
BORDERS: dict[str, str] = {}
