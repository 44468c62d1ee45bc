"""A terminal shows as many log lines as a person can read, and says how many it leaves out."""

from datetime import UTC, datetime

from kestra_stream.cli.terminal.throttle import Throttle
from kestra_stream.models.records import Level, LogEntry


def lines(count: int, level: Level = Level.INFO) -> list[LogEntry]:
    return [LogEntry(f"{level}{number}", "e", "n", "f", datetime(2026, 1, 1, tzinfo=UTC), level, str(number)) for number in range(count)]


def test_a_burst_passes_and_then_so_many_a_second() -> None:
    throttle = Throttle(burst=5, a_second=2)
    assert [entry.message for entry in throttle.passed(lines(7), 0.0)] == list("01234")
    assert throttle.passed(lines(3), 0.9) == []
    assert len(throttle.passed(lines(9), 2.5)) == 4
    assert throttle.take_left_out() == 2 + 3 + 5
    assert throttle.take_left_out() == 0


def test_warnings_and_errors_do_not_wait_for_the_others() -> None:
    throttle = Throttle(burst=5, a_second=2)
    throttle.passed(lines(100), 0.0)
    shown = throttle.passed([*lines(3), *lines(2, Level.ERROR), *lines(1, Level.WARN)], 0.0)
    assert [entry.level for entry in shown] == [Level.ERROR, Level.ERROR, Level.WARN]
