"""Metrics: counts, levels and durations in, the text that Prometheus scrapes out.

Counting costs a dictionary access; the client library (70 ms to import) is loaded when somebody asks for the text.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
PREFIX = "kestra_"
V = TypeVar("V")
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Durations:
    """How many durations fell into each bucket (the last one is for all that are longer), and their sum in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0


class Metrics:
    """The metrics of a process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._meanings: dict[str, str] = {}
        self._counts: dict[tuple[str, Labels], float] = {}
        self._durations: dict[tuple[str, Labels], _Durations] = {}
        self._levels: dict[tuple[str, Labels], Callable[[], float]] = {}

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
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            durations = self._durations.setdefault(key, _Durations())
            durations.counts[bisect_left(BUCKETS, seconds)] += 1
            durations.total += seconds

    def level(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Have a level (a lag, free slots) read whenever somebody asks for the text."""
        self._levels[name, tuple(sorted(labels.items()))] = read

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
            durations = {key: (list(found.counts), found.total) for key, found in self._durations.items()}
        levels = {key: read() for key, read in self._levels.items()}
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
        for name in _names(durations):
            histogram = HistogramMetricFamily(f"{PREFIX}{name}_seconds", self._meaning(name), labels=_label_names(name, durations))
            for labels, (found, total) in _of(name, durations):
                histogram.add_metric([text for _, text in labels], buckets=_cumulative(found), sum_value=total)
            yield histogram

    def _meaning(self, name: str) -> str:
        return self._meanings.get(name, name.replace("_", " "))


def _names(values: Mapping[tuple[str, Labels], V]) -> list[str]:
    return sorted({name for name, _ in values})


def _of(name: str, values: Mapping[tuple[str, Labels], V]) -> list[tuple[Labels, V]]:
    return sorted(((labels, value) for (found, labels), value in values.items() if found == name), key=lambda pair: pair[0])


def _label_names(name: str, values: Mapping[tuple[str, Labels], V]) -> list[str]:
    return next([label for label, _ in labels] for found, labels in values if found == name)


def _cumulative(counts: Sequence[int]) -> list[tuple[str, float]]:
    found, total = [], 0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
        total += count
        found.append((bound, float(total)))
    return found
