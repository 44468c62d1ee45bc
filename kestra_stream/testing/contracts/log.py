"""What every `Log` fulfils outside of transactions: order, groups, rebalances, redelivery, tables."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from kestra_stream.queue.interface import EPHEMERAL, Consumer, Record, Transaction
from kestra_stream.testing.contracts.wire import Listener, Wire, WiredContract
from kestra_stream.topics import Cleanup


class LogContract(WiredContract):
    """Needs the fixture `log`. `patience` is how many seconds a member of the family may take for what should be soon."""

    # -- order ---------------------------------------------------------------------------------------------------------

    def test_records_of_a_key_keep_their_order(self, wire: Wire) -> None:
        topic = wire.topic()
        for number in range(30):
            wire.send(topic, *((f"key-{key}", f"{number}") for key in range(5)))
        found = defaultdict(list)
        for record in wire.read(wire.join(wire.group(), topic), 150):
            found[record.key].append(int(record.value))
        assert found == {f"key-{key}": list(range(30)) for key in range(5)}

    def test_a_key_lands_in_the_same_partition_of_all_topics_with_as_many(self, wire: Wire) -> None:
        one, other = wire.topic(), wire.topic()
        for topic in (one, other):
            wire.send(topic, *((f"key-{key}", "x") for key in range(20)))
        places = defaultdict(set)
        for record in wire.read(wire.join(wire.group(), one, other), 40):
            places[record.key].add(record.partition)
        assert all(len(partitions) == 1 for partitions in places.values())
        assert len(set.union(*places.values())) > 1

    def test_offsets_rise_and_timestamps_do_not_fall(self, wire: Wire) -> None:
        topic = wire.topic(partitions=2)
        for number in range(20):
            wire.send(topic, (f"{number}", "x"))
        by_partition: dict[int, list[Record]] = defaultdict(list)
        for record in wire.read(wire.join(wire.group(), topic), 20):
            by_partition[record.partition].append(record)
        for records in by_partition.values():
            offsets = [record.offset for record in records]
            assert offsets == sorted(set(offsets))
            assert [record.timestamp for record in records] == sorted(record.timestamp for record in records)
            assert all(record.timestamp.utcoffset() is not None for record in records)

    def test_a_record_comes_as_it_was_sent(self, wire: Wire) -> None:
        topic = wire.topic()
        wire.send(topic, ("käse:1", "wert"))
        (record,) = wire.read(wire.join(wire.group(), topic), 1)
        assert (record.topic, record.key, record.value) == (topic.name, "käse:1", "wert")

    def test_a_tombstone_comes_as_none(self, wire: Wire) -> None:
        topic = wire.topic(cleanup=Cleanup.COMPACT)
        wire.send(topic, ("a", "1"), ("a", None))
        assert wire.values(wire.join(wire.group(), topic), 2) == ["1", None]

    def test_nothing_sent_is_nothing_read(self, wire: Wire) -> None:
        topic = wire.topic()
        wire.send(topic)
        assert wire.is_silent(wire.join(wire.group(), topic))

    def test_a_poll_returns_at_most_what_was_asked_for(self, wire: Wire) -> None:
        topic = wire.topic()
        wire.send(topic, *((f"{number}", f"{number}") for number in range(20)))
        consumer = wire.join(wire.group(), topic)
        sizes, found = [], 0
        deadline = monotonic() + self.patience
        while found < 20 and monotonic() < deadline:
            sizes.append(len(consumer.poll(7, 0.05)))
            found += sizes[-1]
        assert found == 20
        assert max(sizes) <= 7

    # -- waiting -------------------------------------------------------------------------------------------------------

    def test_a_poll_that_waits_returns_when_something_comes(self, wire: Wire) -> None:
        topic = wire.topic()
        consumer = wire.join(wire.group(), topic)
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(wire.read, consumer, 1)
            wire.send(topic, ("a", "1"))
            assert [record.value for record in reading.result()] == ["1"]

    def test_closing_the_log_ends_a_poll_that_waits(self, wire: Wire) -> None:
        consumer = wire.join(wire.group(), wire.topic())
        consumer.poll(1, 0)
        began = monotonic()
        with ThreadPoolExecutor(1) as pool:
            polling = pool.submit(consumer.poll, 1, 10 * self.patience)
            wire.log.close()
            assert polling.result(timeout=self.patience) in ([], ())
        assert monotonic() - began < self.patience

    def test_a_poll_that_waits_is_woken_from_another_thread(self, wire: Wire) -> None:
        consumer = wire.join(wire.group(), wire.topic())
        consumer.poll(1, 0)
        with ThreadPoolExecutor(1) as pool:
            polling = pool.submit(consumer.poll, 1, 10 * self.patience)
            consumer.wake()
            assert polling.result(timeout=self.patience) in ([], ())

    def test_a_wake_that_comes_early_ends_the_next_poll_and_no_other(self, wire: Wire) -> None:
        topic = wire.topic()
        consumer = wire.join(wire.group(), topic)
        consumer.poll(1, 0)
        consumer.wake()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(consumer.poll, 1, 10 * self.patience).result(timeout=self.patience) in ([], ())
        wire.send(topic, ("a", "1"))
        assert [record.value for record in wire.read(consumer, 1)] == ["1"]

    # -- groups --------------------------------------------------------------------------------------------------------

    def test_every_group_reads_everything(self, wire: Wire) -> None:
        topic = wire.topic()
        wire.send(topic, ("a", "1"), ("a", "2"))
        assert wire.values(wire.join(wire.group(), topic), 2) == ["1", "2"]
        assert wire.values(wire.join(wire.group(), topic), 2) == ["1", "2"]

    def test_uncommitted_records_are_not_returned_twice(self, wire: Wire) -> None:
        topic = wire.topic()
        wire.send(topic, ("a", "1"))
        consumer = wire.join(wire.group(), topic)
        assert wire.values(consumer, 1) == ["1"]
        wire.send(topic, ("a", "2"))
        assert wire.values(consumer, 1) == ["2"]

    def test_a_rewind_returns_what_was_not_committed_once_more(self, wire: Wire) -> None:
        topic = wire.topic()
        consumer = wire.join(wire.group(), topic)
        wire.send(topic, ("a", "1"))
        wire.read(consumer, 1)
        consumer.commit(Transaction())
        wire.send(topic, ("a", "2"), ("a", "3"))
        assert wire.values(consumer, 2) == ["2", "3"]
        consumer.rewind()
        assert wire.values(consumer, 2) == ["2", "3"]

    def test_a_rewind_of_nothing_does_nothing(self, wire: Wire) -> None:
        topic = wire.topic()
        consumer = wire.join(wire.group(), topic)
        consumer.rewind()
        wire.send(topic, ("a", "1"))
        assert wire.values(consumer, 1) == ["1"]

    def test_the_next_member_goes_on_from_what_was_committed(self, wire: Wire) -> None:
        topic, group = wire.topic(), wire.group()
        wire.send(topic, ("a", "1"), ("a", "2"))
        first = wire.join(group, topic)
        wire.read(first, 2)
        first.commit(Transaction())
        wire.send(topic, ("a", "3"))
        wire.read(first, 1)
        first.close()
        assert wire.values(wire.join(group, topic), 1) == ["3"]

    def test_an_ephemeral_group_is_forgotten_with_its_last_member(self, wire: Wire) -> None:
        topic, group = wire.topic(), EPHEMERAL + wire.group()
        wire.send(topic, ("a", "1"))
        first = wire.join(group, topic)
        wire.read(first, 1)
        first.commit(Transaction())
        first.close()
        assert wire.values(wire.join(group, topic), 1) == ["1"]

    def test_closing_twice_does_nothing(self, wire: Wire) -> None:
        consumer = wire.join(wire.group(), wire.topic())
        consumer.close()
        consumer.close()

    # -- rebalance -----------------------------------------------------------------------------------------------------

    def test_a_member_alone_owns_all_partitions(self, wire: Wire) -> None:
        one, other, listener = wire.topic(), wire.topic(), Listener()
        consumer = wire.join(wire.group(), one, other, listener=listener)
        wire.settle({consumer: listener}, 8)

    def test_members_share_the_partitions_evenly_and_none_is_in_two_hands(self, wire: Wire) -> None:
        topic, group = wire.topic(partitions=7), wire.group()
        members: dict[Consumer, Listener] = {}
        for _ in range(3):
            listener = Listener()
            members[wire.join(group, topic, listener=listener)] = listener
        wire.settle(members, 7)
        owned = [partition for listener in members.values() for partition in listener.owned]
        assert len(owned) == len(set(owned)) == 7

    def test_partitions_of_a_number_are_in_one_hand_so_that_a_keys_records_meet(self, wire: Wire) -> None:
        one, other, group = wire.topic(), wire.topic(), wire.group()
        members: dict[Consumer, Listener] = {}
        for _ in range(2):
            listener = Listener()
            members[wire.join(group, one, other, listener=listener)] = listener
        wire.settle(members, 8)
        for listener in members.values():
            numbers = [{place.partition for place in listener.owned if place.topic == topic.name} for topic in (one, other)]
            assert numbers[0] == numbers[1]

    def test_the_others_get_the_partitions_of_one_that_leaves(self, wire: Wire) -> None:
        topic, group = wire.topic(), wire.group()
        members: dict[Consumer, Listener] = {}
        for _ in range(2):
            listener = Listener()
            members[wire.join(group, topic, listener=listener)] = listener
        wire.settle(members, 4)
        leaver, remaining = members
        leaver.close()
        wire.settle({remaining: members[remaining]}, 4)

    def test_what_went_is_told_before_what_came(self, wire: Wire) -> None:
        topic, group, listener = wire.topic(), wire.group(), Listener()
        first = wire.join(group, topic, listener=listener)
        wire.settle({first: listener}, 4)
        assert listener.history == ["assigned"]
        other = Listener()
        wire.settle({first: listener, wire.join(group, topic, listener=other): other}, 4)
        assert listener.history[1] == "revoked"

    def test_every_record_reaches_exactly_one_member(self, wire: Wire) -> None:
        topic, group = wire.topic(), wire.group()
        members: dict[Consumer, Listener] = {}
        for _ in range(2):
            listener = Listener()
            members[wire.join(group, topic, listener=listener)] = listener
        wire.settle(members, 4)
        wire.send(topic, *((f"{number}", f"{number}") for number in range(40)))
        found: list[str] = []
        deadline = monotonic() + self.patience
        while len(found) < 40 and monotonic() < deadline:
            for member in members:
                records = member.poll(5, 0.01)
                found.extend(record.value for record in records)
                member.commit(Transaction())
        assert sorted(found, key=int) == [f"{number}" for number in range(40)]

    # -- tables --------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("cleanup", [Cleanup.COMPACT, Cleanup.FOREVER])
    def test_a_global_table_is_read_whole_by_everyone(self, wire: Wire, cleanup: Cleanup) -> None:
        topic = wire.topic(cleanup=cleanup)
        early = wire.join("", topic)
        wire.send(topic, ("a", "1"), ("b", "1"), ("a", "2"))
        late = wire.join("", topic)
        for reader in (early, late):
            assert {record.key: record.value for record in wire.read(reader, 3)} == {"a": "2", "b": "1"}

    def test_a_global_table_goes_on_with_what_comes(self, wire: Wire) -> None:
        topic = wire.topic(cleanup=Cleanup.COMPACT)
        reader = wire.join("", topic)
        wire.send(topic, ("a", "1"))
        assert wire.values(reader, 1) == ["1"]
        wire.send(topic, ("a", "2"), ("a", None))
        assert wire.values(reader, 2) == ["2", None]

    def test_a_table_of_many_changes_still_tells_the_newest_of_each_key(self, wire: Wire) -> None:
        topic = wire.topic(partitions=1, cleanup=Cleanup.COMPACT)
        early = wire.join("", topic)
        for change in range(50):
            wire.send(topic, *((f"key-{key}", f"{change}") for key in range(20)))
        wire.send(topic, *((f"key-{key}", None) for key in range(10)), ("last", "last"))
        expected = {f"key-{key}": "49" for key in range(10, 20)} | {"last": "last"}
        for reader in (early, wire.join("", topic)):
            table: dict[str, str | None] = {}
            deadline = monotonic() + self.patience
            while "last" not in table and monotonic() < deadline:
                for record in reader.poll(100, 0.05):
                    table[record.key] = record.value
            assert {key: value for key, value in table.items() if value is not None} == expected

    def test_a_reader_that_has_seen_a_key_hears_of_its_end(self, wire: Wire) -> None:
        topic = wire.topic(partitions=1, cleanup=Cleanup.COMPACT)
        reader = wire.join("", topic)
        wire.send(topic, ("gone", "1"))
        table: dict[str, str | None] = {record.key: record.value for record in wire.read(reader, 1)}
        wire.send(topic, ("gone", None))
        for change in range(300):
            wire.send(topic, ("other", f"{change}"))
        wire.send(topic, ("last", "last"))
        deadline = monotonic() + self.patience
        while "last" not in table and monotonic() < deadline:
            table |= {record.key: record.value for record in reader.poll(100, 0.05)}
        assert table == {"gone": None, "other": "299", "last": "last"}

    # -- many threads --------------------------------------------------------------------------------------------------

    def test_many_writers_lose_and_double_nothing(self, wire: Wire) -> None:
        topic, writers, keys, each = wire.topic(), 3, 4, 60
        consumer = wire.join(wire.group(), topic)

        def write(writer: int) -> None:
            for number in range(each):
                wire.send(topic, *((f"{writer}-{key}", f"{number}") for key in range(keys)))

        with ThreadPoolExecutor(writers + 1) as pool:
            reading = pool.submit(wire.read, consumer, writers * keys * each)
            for writing in [pool.submit(write, writer) for writer in range(writers)]:
                writing.result()
            by_key: dict[str, list[int]] = defaultdict(list)
            for record in reading.result():
                by_key[record.key].append(int(record.value))
        assert by_key == {f"{writer}-{key}": list(range(each)) for writer in range(writers) for key in range(keys)}
