"""Metrics: counts, levels and durations in, the text that Prometheus scrapes out.

Counting costs a dictionary access; the client library (70 ms to import) is loaded when somebody asks for the text.
"""

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
PREFIX = "kestra_"
V = TypeVar("V")
logger = logging.getLogger(__name__)
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Spread:
    """How many values fell into each bucket (the last one is for all that are larger), and their sum."""

    bounds: Sequence[float]
    counts: list[int]
    total: float = 0.0

    def add(self, value: float) -> None:
        """Take in a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy(self) -> "_Spread":
        """Return what it is now."""
        return _Spread(self.bounds, list(self.counts), self.total)

    def cumulative(self) -> list[tuple[str, float]]:
        """Return the buckets as Prometheus wants them: each with all that are below."""
        return list(zip((*map(str, self.bounds), "+Inf"), map(float, accumulate(self.counts)), strict=True))


class Metrics:
    """The metrics of a process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._meanings: dict[str, str] = {}
        self._counts: dict[tuple[str, Labels], float] = {}
        self._spreads: dict[tuple[str, Labels], _Spread] = {}
        self._levels: dict[tuple[str, Labels], Callable[[], float]] = {}
        self._totals: dict[tuple[str, Labels], Callable[[], float]] = {}

    def explain(self, name: str, meaning: str) -> None:
        """Say what a metric means."""
        self._meanings[name] = meaning

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + by

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Note a duration."""
        self._spread(f"{name}_seconds", seconds, SECONDS, labels)

    def measure(self, name: str, size: float, **labels: str) -> None:
        """Note a size."""
        self._spread(name, size, SIZES, labels)

    def _spread(self, name: str, value: float, bounds: Sequence[float], labels: Mapping[str, str]) -> None:
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            spread = self._spreads.get(key)
            if spread is None:
                spread = self._spreads[key] = _Spread(bounds, [0] * (len(bounds) + 1))
            spread.add(value)

    def level(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Have a level (a lag, free slots) read whenever somebody asks for the text."""
        with self._lock:
            self._levels[name, tuple(sorted(labels.items()))] = read

    def total(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Have a counter that somebody else keeps read whenever somebody asks for the text."""
        with self._lock:
            self._totals[name, tuple(sorted(labels.items()))] = read

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - 70 ms that only a scrape needs

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator["Metric"]:
        """Yield all metrics as the client library wants them."""
        from prometheus_client.core import (  # noqa: PLC0415 - as above
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        with self._lock:
            counts = dict(self._counts)
            spreads = {key: found.copy() for key, found in self._spreads.items()}
            reads, totals = dict(self._levels), dict(self._totals)
        levels = _read(reads)
        counts |= _read(totals)
        for name in _names(counts):
            counter = CounterMetricFamily(PREFIX + name, self._meaning(name), labels=_label_names(name, counts))
            for labels, value in _of(name, counts):
                counter.add_metric([text for _, text in labels], value)
            yield counter
        for name in _names(levels):
            gauge = GaugeMetricFamily(PREFIX + name, self._meaning(name), labels=_label_names(name, levels))
            for labels, value in _of(name, levels):
                gauge.add_metric([text for _, text in labels], value)
            yield gauge
        for name in _names(spreads):
            histogram = HistogramMetricFamily(PREFIX + name, self._meaning(name), labels=_label_names(name, spreads))
            for labels, found in _of(name, spreads):
                histogram.add_metric([text for _, text in labels], buckets=found.cumulative(), sum_value=found.total)
            yield histogram

    def _meaning(self, name: str) -> str:
        return self._meanings.get(name, name.replace("_", " "))


def _read(reads: Mapping[tuple[str, Labels], Callable[[], float]]) -> dict[tuple[str, Labels], float]:
    """Read figures; one that can not be read is left out, and the others are there all the same."""
    values: dict[tuple[str, Labels], float] = {}
    for key, read in reads.items():
        try:
            values[key] = read()
        except Exception as error:  # noqa: BLE001 - the border of a figure: whatever it is asked of may break
            logger.warning("%s%s can not be told: %s: %s", PREFIX, key[0], type(error).__name__, error)
    return values


def _names(values: Mapping[tuple[str, Labels], V]) -> list[str]:
    return sorted({name for name, _ in values})


def _of(name: str, values: Mapping[tuple[str, Labels], V]) -> list[tuple[Labels, V]]:
    return sorted(((labels, value) for (found, labels), value in values.items() if found == name), key=lambda pair: pair[0])


def _label_names(name: str, values: Mapping[tuple[str, Labels], V]) -> list[str]:
    return next([label for label, _ in labels] for found, labels in values if found == name)
