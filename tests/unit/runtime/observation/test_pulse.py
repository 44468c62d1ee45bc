"""The signs of life of a loop: how long its step takes is seen while it does, and its figures count what was committed."""

import pytest

from kestra_stream.errors import Retryable
from kestra_stream.runtime.observation.metrics import Metrics
from kestra_stream.runtime.observation.pulse import Pulse


class Seconds:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The present moment."""
        return self.now


def test_a_step_is_seen_while_it_runs() -> None:
    seconds = Seconds()
    pulse = Pulse("executor", now=seconds)
    assert pulse.busy_seconds == 0
    with pulse.step():
        seconds.now += 7
        assert pulse.busy_seconds == 7
    assert pulse.busy_seconds == 0


def test_a_step_that_fails_is_over() -> None:
    pulse = Pulse("executor")
    with pytest.raises(Retryable), pulse.step():
        raise Retryable
    assert pulse.busy_seconds == 0


def test_only_what_was_committed_counts() -> None:
    metrics, seconds = Metrics(), Seconds()
    pulse = Pulse("executor", metrics, seconds)
    with pulse.batch(30), pulse.transaction():
        seconds.now += 0.02
    with pytest.raises(Retryable), pulse.batch(10):
        raise Retryable
    pulse.repeated()
    pulse.fenced()
    lines = set(metrics.text().decode().splitlines())
    assert {
        'kestra_records_total{group="executor"} 30.0',
        'kestra_batch_records_bucket{group="executor",le="20.0"} 0.0',
        'kestra_batch_records_bucket{group="executor",le="50.0"} 1.0',
        'kestra_batch_records_sum{group="executor"} 30.0',
        'kestra_step_seconds_count{group="executor"} 1.0',
        'kestra_transaction_seconds_count{group="executor"} 1.0',
        'kestra_retried_total{group="executor"} 1.0',
        'kestra_fenced_total{group="executor"} 1.0',
    } <= lines
