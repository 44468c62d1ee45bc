"""What a render may use: the clock, the zone, randomness, the functions that need IO, and how much work it may do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Protocol

IoFunction = Callable[..., object]
"""A function that needs IO. It gets the arguments as the template wrote them (positional and named) and returns the value."""

LOOKUP_FUNCTIONS = frozenset(
    {
        "secret", "kv", "read", "fileURI", "fileSize", "fileExists", "isFileEmpty", "errorLogs", "encrypt", "decrypt", "http",
    },
)  # fmt: skip
"""Names of the functions that a caller supplies in `Environment.functions`; the language itself only knows that they exist."""


class RandomSource(Protocol):
    """Where `uuid()`, `id()`, `nanoId()`, `randomInt()` and `randomPort()` get their bytes."""

    def random_bytes(self, count: int) -> bytes:
        """Give `count` bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one render may use; a template that needs more ends with BudgetExceeded.

    Attributes:
        steps: turns of loops, calls and items that filters walk over (about a microsecond each).
        characters: length of the rendered text, and of each text made on the way.
        items: length of a list or map made on the way.
        depth: nesting of macros, blocks, `render()` and printed values.
        regex_seconds: CPU time for one regular expression, and for one jq program that runs apart.
        seconds: seconds of `Environment.work_time`; looked at every few thousand steps.
        why: why a template may not use more, as the end of the sentence that says what it needs.
    """

    steps: int = 1_000_000
    characters: int = 10_000_000
    items: int = 1_000_000
    depth: int = 64
    regex_seconds: float = 0.5
    seconds: float = 1.0
    why: str = "which is more than one expression may use"


@dataclass(frozen=True, slots=True)
class Environment:
    """What a render may use beside its variables; cheap to build once a task run.

    Attributes:
        now: the moment that `now()` gives, with a zone.
        zone: the zone of dates that name none, in and out.
        random: bytes for ids and random numbers.
        functions: the functions that need IO, by name (of `LOOKUP_FUNCTIONS`); one that is missing "can only be used in a task".
        recursive: render the result again until it is stable (the server flag `recursive-rendering`).
        budget: how much one render may use.
        spent: told how many steps each render has used.
        work_time: seconds that the thread has computed; None for a render that nothing else waits for.
    """

    now: Callable[[], datetime]
    zone: tzinfo
    random: RandomSource
    functions: Mapping[str, IoFunction] = field(default_factory=dict[str, IoFunction])
    recursive: bool = False
    budget: Budget = field(default_factory=Budget)
    spent: Callable[[int], None] | None = None
    work_time: Callable[[], float] | None = None
