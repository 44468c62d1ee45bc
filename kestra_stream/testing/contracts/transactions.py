"""What every `Log` fulfils in its transactions: offsets, records and state as one; a zombie writes nothing."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from kestra_stream.errors import Fenced
from kestra_stream.queue.interface import Consumer, Outgoing, Transaction
from kestra_stream.testing.contracts.wire import Listener, Wire, WiredContract, changes
from kestra_stream.topics import Topic


class LogTransactionContract(WiredContract):
    """Needs the fixture `log`. `patience` is how many seconds a member of the family may take for what should be soon."""

    # -- as one --------------------------------------------------------------------------------------------------------

    def test_nothing_is_visible_before_the_commit_and_everything_after(self, wire: Wire) -> None:
        inbox, out, group = wire.topic(), wire.topic(), wire.group()
        wire.send(inbox, ("a", "1"))
        consumer, watcher = wire.join(group, inbox), wire.join(wire.group(), out)
        wire.read(consumer, 1)
        assert wire.is_silent(watcher)
        consumer.commit(changes(("a", "", "state"), records=[Outgoing(out, "a", "done"), Outgoing(out, "b", "done too")]))
        assert sorted(wire.values(watcher, 2)) == ["done", "done too"]
        consumer.close()
        assert wire.state(group, inbox) == {"a": {"": "state"}}
        assert wire.is_silent(wire.join(group, inbox))

    def test_a_crash_before_the_commit_leaves_nothing_and_the_records_come_again(self, wire: Wire) -> None:
        inbox, group = wire.topic(), wire.group()
        wire.send(inbox, ("a", "1"), ("a", "2"))
        crashed = wire.join(group, inbox)
        wire.read(crashed, 2)
        crashed.close()
        assert wire.state(group, inbox) == {}
        assert wire.values(wire.join(group, inbox), 2) == ["1", "2"]

    def test_a_crash_after_the_commit_doubles_nothing(self, wire: Wire) -> None:
        inbox, out, group = wire.topic(), wire.topic(), wire.group()
        wire.send(inbox, ("a", "1"))
        crashed = wire.join(group, inbox)
        wire.read(crashed, 1)
        crashed.commit(Transaction([Outgoing(out, "a", "done")]))
        crashed.close()
        assert wire.is_silent(wire.join(group, inbox))
        assert wire.values(wire.join(wire.group(), out), 1) == ["done"]

    def test_a_commit_that_cannot_be_written_leaves_nothing(self, wire: Wire) -> None:
        inbox, out, group = wire.topic(), wire.topic(), wire.group()
        wire.send(inbox, ("a", "1"))
        consumer = wire.join(group, inbox)
        wire.read(consumer, 1)
        unsound = [Outgoing(out, "a", "done"), Outgoing(out, 7, "no key")]  # type: ignore[arg-type]  # what no topic carries
        with pytest.raises(Exception):  # noqa: B017, PT011 - each family has its own way to refuse a key that is no text
            consumer.commit(changes(("a", "", "state"), records=unsound))
        consumer.close()
        assert wire.state(group, inbox) == {}
        assert wire.is_silent(wire.join(wire.group(), out))
        assert wire.values(wire.join(group, inbox), 1) == ["1"]

    def test_a_commit_needs_no_records(self, wire: Wire) -> None:
        inbox, out = wire.topic(), wire.topic()
        consumer = wire.member(wire.group(), inbox)
        consumer.commit(Transaction())
        consumer.commit(Transaction([Outgoing(out, "a", "a timer")]))
        assert wire.values(wire.join(wire.group(), out), 1) == ["a timer"]

    def test_records_of_a_transaction_keep_their_order(self, wire: Wire) -> None:
        inbox, out = wire.topic(), wire.topic()
        consumer, watcher = wire.member(wire.group(), inbox), wire.join(wire.group(), out)
        consumer.commit(Transaction([Outgoing(out, "a", f"{number}") for number in range(50)]))
        consumer.commit(Transaction([Outgoing(out, "a", f"{number}") for number in range(50, 60)]))
        assert wire.values(watcher, 60) == [f"{number}" for number in range(60)]

    def test_a_member_may_send_to_itself(self, wire: Wire) -> None:
        inbox = wire.topic()
        consumer = wire.join(wire.group(), inbox)
        wire.send(inbox, ("a", "1"))
        wire.read(consumer, 1)
        consumer.commit(Transaction([Outgoing(inbox, "a", "2")]))
        assert wire.values(consumer, 1) == ["2"]

    # -- zombies -------------------------------------------------------------------------------------------------------

    def test_a_zombie_writes_nothing_and_its_records_are_done_by_another(self, wire: Wire) -> None:
        inbox, out, group, keys = wire.topic(partitions=2), wire.topic(), wire.group(), [f"key-{number}" for number in range(20)]
        wire.send(inbox, *((key, "1") for key in keys))
        zombie = wire.join(group, inbox)
        wire.read(zombie, 20)
        heir = wire.heir(group, inbox)
        with pytest.raises(Fenced):
            zombie.commit(changes(*((key, "", "zombie") for key in keys), records=[Outgoing(out, "a", "zombie")]))
        zombie.close()
        assert sorted(record.key for record in wire.read(heir, 20)) == sorted(keys)
        heir.commit(changes(("a", "", "heir"), records=[Outgoing(out, "a", "heir")]))
        assert wire.values(wire.join(wire.group(), out), 1) == ["heir"]
        heir.close()
        assert wire.state(group, inbox) == {"a": {"": "heir"}}

    def test_a_zombies_timers_are_fenced_too(self, wire: Wire) -> None:
        inbox, out, group, listener = wire.topic(partitions=2), wire.topic(), wire.group(), Listener()
        zombie = wire.join(group, inbox, listener=listener)
        wire.settle({zombie: listener}, 2)
        wire.heir(group, inbox)
        with pytest.raises(Fenced):
            zombie.commit(changes(("a", "", "zombie"), records=[Outgoing(out, "a", "zombie")]))
        assert wire.is_silent(wire.join(wire.group(), out))

    def test_a_fenced_member_comes_back_with_its_next_polls(self, wire: Wire) -> None:
        inbox, group, listener = wire.topic(partitions=2), wire.group(), Listener()
        wire.send(inbox, *((f"key-{number}", "1") for number in range(20)))
        zombie = wire.join(group, inbox, listener=listener)
        wire.read(zombie, 20)
        heir = wire.heir(group, inbox)
        with pytest.raises(Fenced):
            zombie.commit(Transaction())
        heir.close()
        wire.settle({zombie: listener}, 2)
        assert listener.history[:2] == ["assigned", "revoked"]
        zombie.rewind()
        wire.read(zombie, 20)
        zombie.commit(Transaction())
        zombie.close()
        assert wire.is_silent(wire.join(group, inbox))

    def test_one_that_has_left_commits_nothing(self, wire: Wire) -> None:
        inbox, out = wire.topic(), wire.topic()
        wire.send(inbox, ("a", "1"))
        consumer = wire.join(wire.group(), inbox)
        wire.read(consumer, 1)
        consumer.close()
        with pytest.raises(Fenced):
            consumer.commit(Transaction([Outgoing(out, "a", "zombie")]))
        assert wire.is_silent(wire.join(wire.group(), out))

    # -- many threads --------------------------------------------------------------------------------------------------

    def test_members_that_come_and_go_count_every_record_once(self, wire: Wire) -> None:
        """Each input adds one to its key's state and is answered once, whoever serves it and however often that changes."""
        inbox, out, group, over = wire.topic(), wire.topic(), wire.group(), Event()
        keys, each = [f"key-{number}" for number in range(8)], 40

        def serve(rounds: int) -> None:
            while not over.is_set():
                listener = Listener()
                consumer = wire.log.consumer(group, (inbox,), listener)
                for _ in range(rounds):
                    _count(consumer, listener, out)
                    if over.is_set():
                        break
                consumer.close()

        with ThreadPoolExecutor(3) as pool:
            serving = [pool.submit(serve, rounds) for rounds in (7, 11, 1_000_000)]
            for number in range(each):
                wire.send(inbox, *((key, f"{number}") for key in keys))
            try:
                answers = wire.read(wire.join(wire.group(), out), len(keys) * each)
            finally:
                over.set()
            for served in serving:
                served.result(self.patience)
        counts = {key: [record.value for record in answers if record.key == key] for key in keys}
        assert counts == {key: [f"{number}:{number + 1}" for number in range(each)] for key in keys}
        assert wire.state(group, inbox) == {key: {"": f"{each}"} for key in keys}


def _count(consumer: Consumer, listener: Listener, out: Topic) -> None:
    records = consumer.poll(20, 0.01)
    if not records:
        return
    counted = {key: int(parts[""]) for key, parts in listener.state.items()}
    answers = []
    for record in records:
        counted[record.key] = counted.get(record.key, 0) + 1
        answers.append(Outgoing(out, record.key, f"{record.value}:{counted[record.key]}"))
    touched = {record.key: record.partition for record in records}
    try:
        consumer.commit(changes(*((key, "", f"{counted[key]}") for key in touched), records=answers))
    except Fenced:
        return
    for key, partition in touched.items():
        listener.keep(partition, key, {"": f"{counted[key]}"})
