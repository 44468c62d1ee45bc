"""Signs of life of a process: one for each interval, a last one at the end; a log that refuses them is told of once and asked again."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from kestra_stream.errors import Invalid, KestraError, Unavailable
from kestra_stream.models.messages import ServiceHeartbeat, ServiceState
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.runtime.observation.heartbeat import Heartbeat
from kestra_stream.topics import SERVICE
from tests.unit.assembly.polling import until

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Refusing(MemoryLog):
    """A log that refuses some sends, one after the other."""

    def __init__(self, *errors: KestraError) -> None:
        super().__init__(lambda: NOW)
        self.errors = list(errors)

    def send(self, records: Sequence[Outgoing]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        super().send(records)


def beats(log: MemoryLog) -> list[ServiceHeartbeat]:
    return [record.value for records in log.reader((SERVICE,)).catch_up() for record in records]


def test_it_beats_until_its_end_whatever_the_log_says(caplog: pytest.LogCaptureFixture) -> None:
    log = Refusing(Unavailable("away"), Unavailable("away"), Invalid("no right to write"), Invalid("no right to write"))
    heart = Heartbeat(log, "s1", "EXECUTOR", lambda: NOW, timedelta(milliseconds=1))
    heart.start()
    until(lambda: len(beats(log)) >= 3)
    heart.stop()
    *alive, last = beats(log)
    assert {(beat.service_id, beat.service_type, beat.state, beat.at) for beat in alive} == {("s1", "EXECUTOR", ServiceState.RUNNING, NOW)}
    assert last.state is ServiceState.TERMINATED
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "A heartbeat was not sent, the next one follows: no right to write"
    ]
    log.close()
