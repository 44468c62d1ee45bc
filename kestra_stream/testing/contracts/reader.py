"""What every `Log` fulfils for those who read without a group: a beginning that is fixed, an end that is known, one key alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import monotonic

import pytest

from kestra_stream.errors import Unavailable
from kestra_stream.queue.interface import Consumer, Log, Outgoing, Reader, Start, Transaction
from kestra_stream.testing.contracts.wire import Wire
from kestra_stream.topics import Cleanup, Topic


class ReadingWire(Wire):
    """A log with the means to test its readers."""

    def reader(self, *topics: Topic, start: Start | datetime = Start.OLDEST, key: str | None = None) -> Reader:
        """Return a reader that is closed after the test."""
        reader = self.log.reader(topics, start, key)
        self.consumers.append(reader)
        return reader

    def later(self, topic: Topic, moment: datetime) -> datetime:
        """Send to a topic of one partition until the log takes a record (`last`) after a moment; return when it took it."""
        deadline = monotonic() + self.patience
        while monotonic() < deadline:
            reader = self.reader(topic, start=Start.NEWEST)
            self.send(topic, ("a", "last"))
            ((_, taken),) = self.values_and_moments(reader, 1)
            if taken > moment:
                return taken
        raise AssertionError("the log's clock stands still")

    def values_and_moments(self, consumer: Consumer | Reader, count: int) -> list[tuple[str, datetime]]:
        """Poll until there are as many records; return their values and when the log took them."""
        return [(record.value, record.timestamp) for record in self.read(consumer, count)]


class LogReaderContract:
    """Needs the fixture `log`. `patience` is how many seconds a member of the family may take for what should be soon."""

    patience = 10.0

    @pytest.fixture
    def reading(self, log: Log) -> Iterator[ReadingWire]:
        """What the tests write and read with."""
        reading = ReadingWire(log, self.patience)
        yield reading
        reading.close()

    # -- the beginning -------------------------------------------------------------------------------------------------

    def test_a_reader_begins_with_the_oldest_record(self, reading: ReadingWire) -> None:
        topic = reading.topic()
        reading.send(topic, ("a", "1"), ("b", "2"))
        assert sorted(reading.values(reading.reader(topic), 2)) == ["1", "2"]

    def test_a_reader_of_the_newest_gets_all_that_is_sent_once_it_is_there_and_nothing_else(self, reading: ReadingWire) -> None:
        topic = reading.topic()
        reading.send(topic, *((f"{number}", "before") for number in range(10)))
        reader = reading.reader(topic, start=Start.NEWEST)
        reading.send(topic, *((f"{number}", "after") for number in range(10)))
        assert reading.values(reader, 10) == ["after"] * 10

    def test_a_reader_of_the_newest_gets_what_is_committed_once_it_is_there(self, reading: ReadingWire) -> None:
        topic, inbox = reading.topic(), reading.topic(partitions=1)
        consumer = reading.member(reading.group(), inbox)
        reading.send(inbox, ("a", "1"))
        reading.read(consumer, 1)
        consumer.commit(Transaction([Outgoing(topic, "a", "before")]))
        reader = reading.reader(topic, start=Start.NEWEST)
        reading.send(inbox, ("a", "2"))
        reading.read(consumer, 1)
        consumer.commit(Transaction([Outgoing(topic, "a", "after")]))
        assert reading.values(reader, 1) == ["after"]

    def test_a_reader_of_a_moment_begins_with_what_was_taken_then_or_later(self, reading: ReadingWire) -> None:
        topic = reading.topic(partitions=1)
        reading.send(topic, ("a", "1"))
        first = reading.values_and_moments(reading.reader(topic), 1)[0][1]
        later = reading.later(topic, first)
        assert reading.values_and_moments(reading.reader(topic, start=later), 1) == [("last", later)]

    def test_a_reader_of_a_moment_to_come_begins_with_the_newest(self, reading: ReadingWire) -> None:
        topic = reading.topic(partitions=1)
        reading.send(topic, ("a", "1"))
        moment = reading.values_and_moments(reading.reader(topic), 1)[0][1]
        reader = reading.reader(topic, start=moment + timedelta(hours=1))
        reading.send(topic, ("a", "2"))
        assert reading.values(reader, 1) == ["2"]

    def test_a_reader_of_a_topic_without_records_waits_for_the_first(self, reading: ReadingWire) -> None:
        topic = reading.topic()
        reader = reading.reader(topic)
        assert not reader.poll(1, 0)
        reading.send(topic, ("a", "1"))
        assert reading.values(reader, 1) == ["1"]

    # -- the end -------------------------------------------------------------------------------------------------------

    def test_catching_up_ends_with_what_was_there_when_it_began(self, reading: ReadingWire) -> None:
        topic = reading.topic()
        reader = reading.reader(topic)
        assert _caught_up(reader) == []
        reading.send(topic, *((f"{number}", f"{number}") for number in range(50)))
        assert sorted(_caught_up(reader), key=int) == [f"{number}" for number in range(50)]
        assert _caught_up(reader) == []

    def test_catching_up_ends_behind_transactions(self, reading: ReadingWire) -> None:
        topic, inbox = reading.topic(partitions=1), reading.topic(partitions=1)
        consumer = reading.member(reading.group(), inbox)
        reader = reading.reader(topic)
        for number in range(5):
            reading.send(inbox, ("a", f"{number}"))
            reading.read(consumer, 1)
            consumer.commit(Transaction([Outgoing(topic, "a", f"{number}")]))
            assert _caught_up(reader) == [f"{number}"]

    def test_catching_up_ends_though_others_go_on_writing(self, reading: ReadingWire) -> None:
        topic = reading.topic(partitions=1)
        reading.send(topic, *(("a", f"{number}") for number in range(20)))
        reader, found = reading.reader(topic), 0
        for records in reader.catch_up():
            found += len(records)
            reading.send(topic, ("a", "more"))
        assert found >= 20
        assert _caught_up(reader)[-1] == "more"

    def test_catching_up_with_a_table_tells_the_newest_of_each_key(self, reading: ReadingWire) -> None:
        topic = reading.topic(cleanup=Cleanup.FOREVER)
        reading.send(topic, ("a", "1"), ("b", "1"), ("a", "2"))
        reader = reading.reader(topic)
        assert {record.key: record.value for records in reader.catch_up() for record in records} == {"a": "2", "b": "1"}

    # -- one key -------------------------------------------------------------------------------------------------------

    def test_a_reader_of_a_key_gets_its_records_alone_from_all_topics(self, reading: ReadingWire) -> None:
        one, other = reading.topic(), reading.topic(partitions=1)
        for topic in (one, other):
            for number in range(3):
                reading.send(topic, *((f"key-{key}", f"{topic.name} {number}") for key in range(20)))
        reader = reading.reader(one, other, key="key-7")
        found = [record for records in reader.catch_up() for record in records]
        assert {record.key for record in found} == {"key-7"}
        for topic in (one, other):
            assert [record.value for record in found if record.topic == topic.name] == [f"{topic.name} {number}" for number in range(3)]
        reading.send(one, ("key-8", "not mine"), ("key-7", "mine"))
        assert reading.values(reader, 1) == ["mine"]

    def test_a_reader_of_a_key_that_nobody_wrote_comes_to_the_end(self, reading: ReadingWire) -> None:
        topic = reading.topic(partitions=1)
        reading.send(topic, *((f"{number}", "x") for number in range(20)))
        assert _caught_up(reading.reader(topic, key="nobody")) == []

    # -- beside others -------------------------------------------------------------------------------------------------

    def test_readers_take_nothing_from_each_other_nor_from_a_group(self, reading: ReadingWire) -> None:
        topic = reading.topic()
        consumer = reading.join(reading.group(), topic)
        readers = [reading.reader(topic), reading.reader(topic)]
        reading.send(topic, ("a", "1"), ("a", "2"))
        for reader in readers:
            assert reading.values(reader, 2) == ["1", "2"]
        assert reading.values(consumer, 2) == ["1", "2"]

    def test_what_a_reader_has_not_read_is_kept_though_a_group_is_done_with_it(self, reading: ReadingWire) -> None:
        topic = reading.topic(partitions=1)
        reader, consumer = reading.reader(topic, start=Start.NEWEST), reading.member(reading.group(), topic)
        for number in range(300):
            reading.send(topic, ("a", f"{number}"))
            if number % 50 == 49:
                reading.read(consumer, 50)
                consumer.commit(Transaction())
        assert reading.values(reader, 300) == [f"{number}" for number in range(300)]

    # -- waiting -------------------------------------------------------------------------------------------------------

    def test_a_reader_that_waits_returns_when_something_comes(self, reading: ReadingWire) -> None:
        topic = reading.topic()
        reader = reading.reader(topic, start=Start.NEWEST)
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(reading.read, reader, 1)
            reading.send(topic, ("a", "1"))
            assert [record.value for record in coming.result()] == ["1"]

    def test_a_reader_that_waits_is_woken_from_another_thread(self, reading: ReadingWire) -> None:
        reader = reading.reader(reading.topic())
        with ThreadPoolExecutor(1) as pool:
            polling = pool.submit(reader.poll, 1, 10 * self.patience)
            reader.wake()
            assert polling.result(timeout=self.patience) in ([], ())

    def test_closing_the_log_ends_all_reading(self, reading: ReadingWire) -> None:
        reader = reading.reader(reading.topic())
        began = monotonic()
        with ThreadPoolExecutor(1) as pool:
            polling = pool.submit(reader.poll, 1, 10 * self.patience)
            reading.log.close()
            assert polling.result(timeout=self.patience) in ([], ())
        assert monotonic() - began < self.patience
        with pytest.raises(Unavailable):
            _caught_up(reader)

    def test_closing_a_reader_twice_does_nothing(self, reading: ReadingWire) -> None:
        reader = reading.reader(reading.topic())
        reader.close()
        reader.close()


def _caught_up(reader: Reader) -> list[str]:
    return [record.value for records in reader.catch_up() for record in records]
