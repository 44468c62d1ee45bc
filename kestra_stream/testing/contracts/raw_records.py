"""What every `Log` fulfils for records that are bytes: they are kept byte for byte, and what cannot be read is no obstacle."""

import pytest

from kestra_stream.queue.interface import Outgoing, Raw, Record, Transaction, Unreadable
from kestra_stream.queue.serde import HEADERS
from kestra_stream.testing.contracts.wire import Wire, WiredContract
from kestra_stream.topics import Cleanup, Topic

GARBAGE = bytes(range(256))
FOREIGN = (("trace", b"\xff\x00"), ("trace", b"2"), ("empty", b""), ("none", None))


class RawRecordContract(WiredContract):
    """Needs the fixture `log`."""

    def through(self, wire: Wire, raw: Raw, topic: Topic | None = None) -> Record:
        """Send bytes; return the record as it comes, together with one behind it."""
        topic = topic or wire.topic(partitions=1)
        wire.log.send((Outgoing(topic, "", raw), Outgoing(topic, "next", "next")))
        record, behind = wire.read(wire.join(wire.group(), topic), 2)
        assert (behind.key, behind.value) == ("next", "next")
        return record

    def test_what_cannot_be_read_comes_byte_for_byte_between_the_others(self, wire: Wire) -> None:
        record = self.through(wire, Raw(GARBAGE, b"key", FOREIGN))
        assert record.key == "key"
        assert isinstance(record.value, Unreadable)
        assert (record.value.payload, record.value.key, tuple(record.value.headers)) == (GARBAGE, b"key", FOREIGN)
        assert record.topic in record.value.error

    def test_what_was_unreadable_can_be_put_back_as_it_was(self, wire: Wire) -> None:
        topic = wire.topic(partitions=1)
        wire.log.send((Outgoing(topic, "", Raw(GARBAGE, b"\xff", FOREIGN)),))
        consumer = wire.join(wire.group(), topic)
        (first,) = wire.read(consumer, 1)
        wire.log.send((Outgoing(topic, "", Raw(first.value.payload, first.value.key, first.value.headers)),))
        (second,) = wire.read(consumer, 1)
        assert first.value == second.value == Unreadable(GARBAGE, first.value.error, b"\xff", FOREIGN)

    def test_bytes_that_fit_are_read_and_their_bytes_are_there_too(self, wire: Wire) -> None:
        record = self.through(wire, Raw(b' "text" ', b"k\xc3\xa4se", HEADERS))
        assert (record.key, record.value) == ("käse", "text")
        assert (record.payload, tuple(record.headers)) == (b' "text" ', HEADERS)

    def test_a_record_without_our_header_is_read_when_it_fits(self, wire: Wire) -> None:
        record = self.through(wire, Raw(b'"text"', b"key", FOREIGN))
        assert (record.value, tuple(record.headers)) == ("text", FOREIGN)

    @pytest.mark.parametrize(
        ("raw", "why"),
        [
            (Raw(b'"text"', None, HEADERS), "no key"),
            (Raw(b'"text"', b"\xff", HEADERS), "not UTF-8"),
            (Raw(b"", b"key", HEADERS), "Invalid JSON"),
            (Raw(None, b"key", HEADERS), "no value"),
            (Raw(b'"text"', b"key", (("schema", b"2"),)), "newer version"),
            (Raw(b'"text"', b"key", (("schema", b"one"),)), "no version"),
            (Raw(b"\0\0\0\0\x07\x02abc", b"key"), "schema registry"),
            (Raw(b"[" * 100_000, b"key"), "recursion"),
            (Raw(b"1", b"k" * 100_000, HEADERS), "string"),
        ],
        ids=["no key", "bad key", "empty", "tombstone", "newer", "no version", "registry", "nested", "huge key"],
    )
    def test_each_way_to_be_unreadable_says_what_it_is(self, wire: Wire, raw: Raw, why: str) -> None:
        value = self.through(wire, raw).value
        assert isinstance(value, Unreadable)
        assert (value.payload, value.key, tuple(value.headers)) == (raw.payload, raw.key, tuple(raw.headers))
        assert why in value.error

    def test_a_record_goes_to_the_partition_that_it_names(self, wire: Wire) -> None:
        topic = wire.topic(partitions=4)
        wire.log.send([Outgoing(topic, "", Raw(b'"text"', b"key", HEADERS, partition)) for partition in (3, 0, 2)])
        records = wire.read(wire.join(wire.group(), topic), 3)
        assert sorted(record.partition for record in records) == [0, 2, 3]

    def test_a_record_that_names_no_partition_goes_where_its_key_belongs(self, wire: Wire) -> None:
        topic = wire.topic(partitions=4)
        for key in ("a", "b", "c", "d", "e"):
            wire.log.send((Outgoing(topic, key, "text"), Outgoing(topic, "", Raw(b'"text"', key.encode(), HEADERS))))
        records = wire.read(wire.join(wire.group(), topic), 10)
        assert len({(record.key, record.partition) for record in records}) == 5

    def test_a_tombstone_of_bytes_is_one_where_keys_are_deleted(self, wire: Wire) -> None:
        topic = wire.topic(partitions=1, cleanup=Cleanup.COMPACT)
        assert self.through(wire, Raw(None, b"key", HEADERS), topic).value is None

    def test_bytes_are_a_part_of_their_transaction(self, wire: Wire) -> None:
        topic, other = wire.topic(partitions=1), wire.topic(partitions=1)
        member = wire.member(wire.group(), topic)
        member.commit(Transaction((Outgoing(other, "", Raw(GARBAGE, b"key")),)))
        (record,) = wire.read(wire.join(wire.group(), other), 1)
        assert record.value.payload == GARBAGE
