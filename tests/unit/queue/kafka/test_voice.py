"""What of the client library's lines is told, and how loudly."""

import logging

import pytest

from kestra_stream.queue.kafka.clients.voice import REFUSALS, voice

FORMAT = "%s [%s] %s"  # as confluent_kafka gives it to a logger


def told(caplog: pytest.LogCaptureFixture, logger: logging.Logger, kind: str, text: str = "a text") -> list[int]:
    with caplog.at_level(logging.DEBUG, logger.name):
        logger.error(FORMAT, kind, "rdkafka#producer-1", text)
    return [record.levelno for record in caplog.records]


def test_what_a_transaction_met_is_no_alarm_for_it_is_told_again_with_what_becomes_of_it(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, voice("test.voice"), "TXNERR") == [logging.INFO]


def test_other_lines_are_as_loud_as_the_library_wants_them(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, voice("test.voice"), "SESSTMOUT") == [logging.ERROR]


def test_what_is_no_news_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, voice("test.silent", REFUSALS), "FAIL") == []
    text = "Configuration property acks is a producer property and will be ignored by this consumer instance"
    assert told(caplog, voice("test.voice"), "CONFWARN", text) == []


def test_our_own_lines_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "test.voice"):
        voice("test.voice").error("%s", "TXNERR")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
