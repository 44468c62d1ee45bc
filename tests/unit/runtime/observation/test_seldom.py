"""Lines of a client library: each kind passes once in a while, whoever tells it, and says how many were held back."""

import logging

from kestra_stream.runtime.observation.seldom import Seldom

CONNECT = "Connect to ipv4#127.0.0.1:9092 failed: Connection refused"


class Ear:
    """Hears what passes, at a moment that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.filter = Seldom(30.0, lambda: self.now)

    def hear(self, text: str, level: int = logging.ERROR) -> tuple[str, str] | None:
        record = logging.LogRecord("client", level, "", 1, "%s", (text,), None)
        return (record.levelname, record.getMessage()) if self.filter.filter(record) else None


def test_a_try_to_connect_is_told_once_for_all_clients_and_all_names_of_a_broker() -> None:
    ear = Ear()
    first = ear.hear(
        f"FAIL [rdkafka#consumer-8] [thrd:127.0.0.1:9092/bootstrap]: 127.0.0.1:9092/bootstrap: {CONNECT} (after 0ms in state CONNECT)"
    )
    assert first == ("WARNING", f"127.0.0.1:9092: {CONNECT}; it is tried again until it answers")
    others = [
        f"FAIL [rdkafka#producer-1] [thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: {CONNECT} (after 3ms in state CONNECT)",
        (
            f"FAIL [rdkafka#producer-1] [thrd:GroupCoordinator]: GroupCoordinator: 127.0.0.1:9092: {CONNECT} "
            "(after 1ms in state CONNECT, 5 identical error(s) suppressed)"
        ),
    ]
    assert [ear.hear(other) for other in others] == [None, None]
    ear.now = 30.0
    again = ear.hear(others[0])
    assert again == ("WARNING", f"127.0.0.1:9092: {CONNECT}; it is tried again until it answers (2 more lines like this one)")


def test_another_broker_and_another_trouble_are_told_at_once() -> None:
    ear = Ear()
    for port in (9092, 9093):
        assert ear.hear(f"FAIL [rdkafka#consumer-8] [thrd:h:{port}/1]: h:{port}/1: Disconnected (after 9ms in state UP)") is not None
    assert ear.hear("commit: timed out; trying again", logging.INFO) == ("INFO", "commit: timed out; trying again")
    assert ear.hear("commit: timed out; trying again", logging.INFO) is None


def test_what_is_remembered_is_bounded() -> None:
    ear = Ear()
    assert all(ear.hear(f"trouble with {'x' * number}") for number in range(2_000))


def test_who_asks_for_all_that_a_library_does_gets_all() -> None:
    ear = Ear()
    assert [ear.hear("SEND [rdkafka#producer-1]: a request", logging.DEBUG) for _ in range(3)].count(None) == 0
