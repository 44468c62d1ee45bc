"""States of executions, task runs and attempts, and their histories.

CREATED ──> RUNNING ──> SUCCESS | WARNING | FAILED | CANCELLED
   │           │  ▲
   │           │  └── RESTARTED <── PAUSED, FAILED, ... (a person, a timer or a retry)
   ├─> QUEUED  ├──> PAUSED | RETRYING | BREAKPOINT   (not terminal: something must happen first)
   │           ├──> RETRIED                          (a new execution takes over)
   ├─> SKIPPED └──> KILLING ──> KILLED
   └─> KILLED
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class StateType(StrEnum):
    """The name of a state."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    RESTARTED = "RESTARTED"
    KILLING = "KILLING"
    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    FAILED = "FAILED"
    KILLED = "KILLED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"
    RETRYING = "RETRYING"
    RETRIED = "RETRIED"
    QUEUED = "QUEUED"
    BREAKPOINT = "BREAKPOINT"
    RESUBMITTED = "RESUBMITTED"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in TERMINAL


S = StateType
TERMINAL = frozenset({S.SUCCESS, S.WARNING, S.FAILED, S.KILLED, S.CANCELLED, S.SKIPPED, S.RETRIED, S.RESUBMITTED})
CREATED_LIKE = frozenset({S.CREATED, S.RESTARTED})
WORST_FIRST = (S.KILLED, S.FAILED, S.WARNING)


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of a history: the state entered, and when."""

    state: StateType
    date: datetime


@dataclass(frozen=True, slots=True)
class State:
    """A state with the way that led to it; the first transition is the creation."""

    current: StateType
    histories: tuple[Transition, ...]

    @classmethod
    def created(cls, date: datetime) -> "State":
        """Return the history of a thing born now."""
        return cls(S.CREATED, (Transition(S.CREATED, date),))

    def to(self, state: StateType, date: datetime) -> "State":
        """Enter a state; entering the present one again adds no line."""
        if state is self.current:
            return self
        return State(state, (*self.histories, Transition(state, date)))

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.current in TERMINAL

    @property
    def start_date(self) -> datetime:
        """When the history began."""
        return self.histories[0].date

    @property
    def end_date(self) -> datetime | None:
        """When the terminal (or paused) state was entered."""
        return self.histories[-1].date if self.is_terminal or self.current is S.PAUSED else None
