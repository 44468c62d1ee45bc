"""What lies on a state topic and is no state of ours: another system's record stops nobody, a newer version's state stops this process."""

import logging

import pytest

from kestra_stream.errors import Fatal
from kestra_stream.queue.kafka.state.parts import PartReader, key_of, parse_key
from kestra_stream.queue.serde import HEADERS, SCHEMA_HEADER, SCHEMA_VERSION
from kestra_stream.topics import EXECUTOR_STATE

NEWER = ((SCHEMA_HEADER, str(SCHEMA_VERSION + 1).encode()),)


@pytest.fixture
def reader() -> PartReader:
    return PartReader(EXECUTOR_STATE, "kestra_executor_state")


@pytest.mark.parametrize("owner", ["e1", "", "a/b", "1.x/y", "ä"])
def test_keys_come_back(owner: str) -> None:
    assert parse_key(key_of(owner, "run/1")) == (owner, "run/1")


@pytest.mark.parametrize("key", [b"", b"somebody", b"\xff\xfe", b"3.e1/x", b"9.e1/", b"x.e1/"])
def test_a_record_of_another_system_is_told_and_passed_over(key: bytes, reader: PartReader, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert reader.names(key) is None
    assert "kestra_executor_state holds a record with the key" in caplog.text


def test_state_of_a_newer_version_stops_the_process(reader: PartReader) -> None:
    assert reader.names(key_of("e1", "")) == ("e1", "")
    reader.check(HEADERS)
    reader.check(((SCHEMA_HEADER, b"none of ours"),))
    with pytest.raises(Fatal, match=f"schema {SCHEMA_VERSION + 1}; this process reads {SCHEMA_VERSION}.*upgrade this process"):
        reader.check(NEWER)
