"""Append-only facts for the indexer: log lines and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    """Severity of a log line, in rising order."""

    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"

    @property
    def rank(self) -> int:
        """0 for TRACE up to 4 for ERROR."""
        return _RANKS[self]

    def is_at_least(self, other: "Level") -> bool:
        """Whether this level is as severe as the other, or more."""
        return self.rank >= other.rank


_RANKS = {level: rank for rank, level in enumerate(Level)}


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One log line of an execution, or of one attempt of a task run.

    Attributes:
        id: deterministic (execution, task run, attempt, line number), so a line that arrives twice is stored once.
        attempt_number: 0-based attempt of the task run.
    """

    id: str
    execution_id: str
    namespace: str
    flow_id: str
    timestamp: datetime
    level: Level
    message: str
    task_id: str | None = None
    task_run_id: str | None = None
    attempt_number: int | None = None
    trigger_id: str | None = None
    thread: str | None = None
    tenant_id: str = "main"


class MetricType(StrEnum):
    """How values of a metric add up: counters are summed, timers are seconds, a gauge is the last value."""

    COUNTER = "counter"
    TIMER = "timer"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class MetricEntry:
    """One value that a task run measured; timers are in seconds."""

    id: str
    execution_id: str
    namespace: str
    flow_id: str
    task_id: str
    task_run_id: str
    timestamp: datetime
    type: MetricType
    name: str
    value: float
    tags: Mapping[str, str] = field(default_factory=dict)
    tenant_id: str = "main"
