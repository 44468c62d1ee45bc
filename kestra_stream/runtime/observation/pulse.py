"""Pulse: what a loop tells of itself: whether it works on a step and since when, and the figures of its steps."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from kestra_stream.runtime.observation.metrics import Metrics


class Pulse:
    """The signs of life of one loop. Read by any thread.

    Args:
        group: what its figures are labelled with.
        metrics: where they go.
        now: seconds that only ever grow.
    """

    def __init__(self, group: str, metrics: Metrics | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._group = group
        self._metrics = metrics or Metrics()
        self._now = now
        self._began: float | None = None
        for name in ("records", "fenced", "retried"):
            self._metrics.count(name, 0, group=group)

    @property
    def busy_seconds(self) -> float:
        """How long the present step has taken by now; 0 between two steps."""
        began = self._began
        return 0.0 if began is None else self._now() - began

    @contextmanager
    def step(self) -> Generator[None, None, None]:
        """Work on a step, its wait for records included."""
        self._began = self._now()
        try:
            yield
        finally:
            self._began = None

    @contextmanager
    def batch(self, records: int) -> Generator[None, None, None]:
        """Process and commit a batch."""
        began = self._now()
        yield
        self._metrics.observe("step", self._now() - began, group=self._group)
        self._metrics.count("records", records, group=self._group)
        self._metrics.measure("batch_records", records, group=self._group)

    @contextmanager
    def transaction(self) -> Generator[None, None, None]:
        """Commit."""
        began = self._now()
        yield
        self._metrics.observe("transaction", self._now() - began, group=self._group)

    def fenced(self) -> None:
        """A transaction was void: the partitions went elsewhere meanwhile."""
        self._metrics.count("fenced", group=self._group)

    def repeated(self) -> None:
        """A transaction was rolled back, to be tried again."""
        self._metrics.count("retried", group=self._group)
