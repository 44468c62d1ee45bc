"""What every `Log` fulfils as a store of state: it changes with its transaction or not at all, and goes with its partition.

The state is what a member is told when partitions come: in memory, or (`KeptState`) a view of what lies on disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

import pytest

from kestra_stream.errors import Fenced
from kestra_stream.models.state import S
from kestra_stream.models.stored_state import Timer, TimerKind
from kestra_stream.queue.interface import ALL_PARTS, Consumer, Outgoing, StateChange, Transaction
from kestra_stream.testing.contracts.wire import Listener, Wire, WiredContract, changes
from kestra_stream.topics import EXECUTOR_STATE

_LATER = datetime(2031, 7, 1, 12, 30, 15, 250_000, tzinfo=UTC)
_PARTITIONS = 4
_OWNERS = tuple(f"owner-{number}" for number in range(12))
_PARTS = ("", "run/1", "run/2", "timer/1")


class StateChangesContract(WiredContract):
    """What a transaction does to the state."""

    def test_state_is_kept_by_owner_and_part(self, wire: Wire) -> None:
        inbox, group = wire.topic(), wire.group()
        consumer = wire.member(group, inbox)
        consumer.commit(changes(("a", "", "head"), ("a", "run", "1"), ("b", "", "other")))
        consumer.commit(changes(("a", "run", "2"), ("a", "run-2", "x")))
        consumer.close()
        assert wire.state(group, inbox) == {"a": {"": "head", "run": "2", "run-2": "x"}, "b": {"": "other"}}

    def test_no_two_parts_are_taken_for_one(self, wire: Wire) -> None:
        inbox, group = wire.topic(), wire.group()
        consumer = wire.member(group, inbox)
        names = [("a", "b/c"), ("a/b", "c"), ("1.a", "b"), ("1", "a/b"), ("ä", "ö/€"), ("a b", " "), ("a", "*/x"), ("a/", ""), ("a", "")]
        consumer.commit(changes(*((owner, part, f"{owner}|{part}") for owner, part in names)))
        consumer.close()
        found = {(owner, part): value for owner, parts in wire.state(group, inbox).items() for part, value in parts.items()}
        assert found == {(owner, part): f"{owner}|{part}" for owner, part in names}

    def test_the_last_change_of_a_transaction_counts(self, wire: Wire) -> None:
        inbox, group = wire.topic(), wire.group()
        consumer = wire.member(group, inbox)
        consumer.commit(changes(*((owner, "old", "x") for owner in "abcde")))
        consumer.commit(
            changes(
                *(("a", "", "1"), ("a", "", "2"), ("a", "old", None), ("a", "old", "3")),
                *(("b", ALL_PARTS, None), ("b", "", "new")),
                *(("c", "", "new"), ("c", ALL_PARTS, None)),
                *(("d", "", "new"), ("d", ALL_PARTS, None), ("d", "run", "newer")),
                *(("e", "", "new"), ("e", "", None)),
            )
        )
        consumer.close()
        assert wire.state(group, inbox) == {"a": {"": "2", "old": "3"}, "b": {"": "new"}, "d": {"run": "newer"}, "e": {"old": "x"}}

    def test_a_part_can_be_dropped_and_an_owner_as_a_whole(self, wire: Wire) -> None:
        inbox, group = wire.topic(), wire.group()
        consumer = wire.member(group, inbox)
        consumer.commit(changes(*((owner, part, "x") for owner in "abc" for part in ("", "run"))))
        consumer.commit(changes(("a", "run", None), ("b", ALL_PARTS, None), ("c", "", None), ("c", "run", None), ("d", "", None)))
        consumer.commit(changes(("nobody", ALL_PARTS, None), ("a", "nothing", None)))
        consumer.close()
        assert wire.state(group, inbox) == {"a": {"": "x"}}

    def test_a_dropped_owner_can_come_again(self, wire: Wire) -> None:
        inbox, group = wire.topic(), wire.group()
        consumer = wire.member(group, inbox)
        consumer.commit(changes(("a", "", "old"), ("a", "run", "old")))
        consumer.commit(changes(("a", ALL_PARTS, None), ("a", "", "new")))
        consumer.close()
        assert wire.state(group, inbox) == {"a": {"": "new"}}

    def test_an_owner_is_dropped_with_the_parts_that_an_earlier_member_wrote(self, wire: Wire) -> None:
        inbox, group = wire.topic(), wire.group()
        first = wire.member(group, inbox)
        first.commit(changes(("a", "", "x"), ("a", "run", "x"), ("b", "", "x"), ("b", "run", "x")))
        first.close()
        second = wire.member(group, inbox)
        second.commit(changes(("a", ALL_PARTS, None), ("b", "", None)))
        second.close()
        assert wire.state(group, inbox) == {"b": {"run": "x"}}

    def test_a_commit_that_fails_changes_nothing_and_the_next_one_goes_on_from_there(self, wire: Wire) -> None:
        inbox, out, group, listener = wire.topic(), wire.topic(), wire.group(), Listener()
        consumer = wire.join(group, inbox, listener=listener)
        wire.settle({consumer: listener}, _PARTITIONS)
        consumer.commit(changes(("a", "", "x"), ("a", "run/1", "x"), ("b", "", "x"), ("b", "run/1", "x")))
        unsound = [Outgoing(out, 7, "no key")]  # type: ignore[arg-type]  # what no topic carries
        failing = changes(("a", ALL_PARTS, None), ("b", "run/2", "never"), ("b", "", None), ("c", "", "never"), records=unsound)
        with pytest.raises(Exception):  # noqa: B017, PT011 - each family has its own way to refuse a key that is no text
            consumer.commit(failing)
        consumer.rewind()
        wire.settle({consumer: listener}, _PARTITIONS)
        consumer.commit(changes(("a", "", "y"), ("b", ALL_PARTS, None)))
        consumer.close()
        assert wire.state(group, inbox) == {"a": {"": "y", "run/1": "x"}}

    def test_a_rewind_and_a_crash_leave_the_state_as_it_was(self, wire: Wire) -> None:
        inbox, group = wire.topic(), wire.group()
        consumer = wire.member(group, inbox)
        consumer.commit(changes(("a", "", "x")))
        wire.send(inbox, ("a", "1"))
        wire.read(consumer, 1)
        consumer.rewind()
        wire.read(consumer, 1)
        consumer.close()
        listener = Listener()
        heir = wire.join(group, inbox, listener=listener)
        assert wire.values(heir, 1) == ["1"]
        assert listener.state == {"a": {"": "x"}}

    def test_what_a_zombie_says_of_the_state_is_void(self, wire: Wire) -> None:
        inbox, group = wire.topic(partitions=2), wire.group()
        zombie = wire.member(group, inbox)
        zombie.commit(changes(("a", "", "x"), ("a", "run", "x"), ("b", "", "x")))
        heir = wire.heir(group, inbox)
        for _ in range(2):
            with pytest.raises(Fenced):
                zombie.commit(changes(("a", ALL_PARTS, None), ("b", "", "zombie"), ("c", "", "zombie")))
        zombie.close()
        heir.close()
        assert wire.state(group, inbox) == {"a": {"": "x", "run": "x"}, "b": {"": "x"}}

    def test_groups_have_states_of_their_own(self, wire: Wire) -> None:
        inbox, group = wire.topic(), wire.group()
        consumer = wire.member(group, inbox)
        consumer.commit(changes(("a", "", "x")))
        assert wire.state(wire.group(), inbox) == {}

    def test_values_come_back_as_the_types_of_the_state_topic(self, wire: Wire) -> None:
        """Timers above all: the moment that an execution waits for must not move by a microsecond."""
        inbox, group = wire.topic(), wire.group()
        state = replace(EXECUTOR_STATE, name=f"contract-{uuid4().hex}", beside=None)
        wire.topics[state.name] = state
        timers = {
            f"timer/{kind.value}": Timer(_LATER + timedelta(microseconds=number), kind, "run") for number, kind in enumerate(TimerKind)
        }
        others = {"broken/run": True, "batch/run/0": (S.SUCCESS, {"number": 1.5, "text": "ä"}), "values/run/0": ("a", "ä"), "ended": _LATER}
        listener = Listener()
        consumer = wire.join(group, inbox, listener=listener, state=state)
        wire.settle({consumer: listener}, _PARTITIONS)
        consumer.commit(Transaction((), [StateChange("a", part, value) for part, value in (timers | others).items()]))
        later = Timer(_LATER + timedelta(days=400), TimerKind.PAUSE, "run")
        consumer.commit(Transaction((), [StateChange("a", "timer/pause", later), StateChange("a", "timer/sla", None)]))
        consumer.close()
        del timers["timer/sla"]
        assert wire.state(group, inbox, state=state) == {"a": timers | others | {"timer/pause": later}}


class StateMovesContract(WiredContract):
    """How state comes to whoever owns its partition."""

    def test_state_comes_with_the_partition_of_its_key(self, wire: Wire) -> None:
        inbox, group, keys = wire.topic(), wire.group(), [f"key-{number}" for number in range(20)]
        first = wire.join(group, inbox)
        wire.send(inbox, *((key, key) for key in keys))
        homes = {record.key: record.partition for record in wire.read(first, 20)}
        first.commit(changes(*((key, "", key) for key in keys)))
        first.close()
        members: dict[Consumer, Listener] = {}
        for _ in range(2):
            listener = Listener()
            members[wire.join(group, inbox, listener=listener)] = listener
        wire.settle(members, _PARTITIONS)
        for listener in members.values():
            owned = {place.partition for place in listener.owned}
            assert set(listener.state) == {key for key in keys if homes[key] in owned}

    def test_state_is_there_before_the_first_record_of_its_partition(self, wire: Wire) -> None:
        inbox, group, keys = wire.topic(), wire.group(), [f"key-{number}" for number in range(20)]
        first = wire.join(group, inbox)
        wire.send(inbox, *((key, "1") for key in keys))
        wire.read(first, 20)
        first.commit(changes(*((key, "", "1") for key in keys)))
        wire.send(inbox, *((key, "2") for key in keys))
        first.close()
        listener = Listener()
        heir, left = wire.join(group, inbox, listener=listener), set(keys)
        while left:
            (record,) = heir.poll(1, self.patience)
            assert record.partition in {place.partition for place in listener.owned}
            assert listener.state[record.key] == {"": "1"}
            assert record.value == "2"
            left.remove(record.key)

    def test_topics_that_are_read_together_share_their_state_by_partition(self, wire: Wire) -> None:
        one, other, group, keys = wire.topic(), wire.topic(), wire.group(), [f"key-{number}" for number in range(12)]
        wire.send(one, *((key, "1") for key in keys))
        wire.send(other, *((key, "2") for key in keys))
        first = wire.join(group, one, other)
        homes = {record.key: record.partition for record in wire.read(first, 24)}
        first.commit(changes(*((key, "", "x") for key in keys)))
        first.close()
        members: dict[Consumer, Listener] = {}
        for _ in range(2):
            listener = Listener()
            members[wire.join(group, one, other, listener=listener)] = listener
        wire.settle(members, 2 * _PARTITIONS)
        for listener in members.values():
            assert set(listener.state) == {key for key in keys if homes[key] in {place.partition for place in listener.owned}}

    def test_state_that_goes_to_and_fro_is_what_its_last_owner_has_committed(self, wire: Wire) -> None:
        """Nobody goes on from what he remembers of an earlier time as owner."""
        inbox, group = wire.topic(partitions=1), wire.group()
        expected: dict[str, Mapping[str, str]] = {}
        for turn in range(4):
            listener = Listener()
            member = wire.join(group, inbox, listener=listener)
            wire.settle({member: listener}, 1)
            assert listener.state == expected
            member.commit(changes(("kept", f"part/{turn}", "x"), ("changed", "", f"{turn}"), (f"once-{turn}", "", "x")))
            member.commit(changes((f"once-{turn - 1}", ALL_PARTS, None)))
            member.close()
            kept = {f"part/{number}": "x" for number in range(turn + 1)}
            expected = {"kept": kept, "changed": {"": f"{turn}"}, f"once-{turn}": {"": "x"}}
        assert wire.state(group, inbox) == expected

    def test_many_owners_come_back_with_all_of_their_parts(self, wire: Wire) -> None:
        inbox, group, count = wire.topic(), wire.group(), 3_000
        consumer = wire.member(group, inbox)
        for begin in range(0, count, 1_000):
            owners = [f"owner-{number}" for number in range(begin, begin + 1_000)]
            consumer.commit(changes(*((owner, part, f"{owner} {part}") for owner in owners for part in _PARTS)))
        consumer.commit(changes(*((f"owner-{number}", ALL_PARTS, None) for number in range(0, count, 3))))
        consumer.commit(changes(*((f"owner-{number}", "run/1", None) for number in range(1, count, 3))))
        consumer.close()
        expected = {
            f"owner-{number}": {part: f"owner-{number} {part}" for part in _PARTS if number % 3 == 2 or part != "run/1"}
            for number in range(count)
            if number % 3
        }
        assert wire.state(group, inbox) == expected

    def test_a_part_that_changes_often_comes_back_once_and_a_large_one_whole(self, wire: Wire) -> None:
        inbox, group, large = wire.topic(), wire.group(), "ä" * 200_000
        consumer = wire.member(group, inbox)
        for change in range(60):
            consumer.commit(changes(("a", "", f"{change}"), ("b", f"run/{change % 3}", f"{change}"), ("c", "", f"{change}{large}")))
        consumer.close()
        runs = {"run/0": "57", "run/1": "58", "run/2": "59"}
        assert wire.state(group, inbox) == {"a": {"": "59"}, "b": runs, "c": {"": f"59{large}"}}

    @pytest.mark.parametrize("seed", range(2))
    def test_after_any_history_the_state_is_what_a_dictionary_would_hold(self, wire: Wire, seed: int) -> None:
        """Commits, rewinds, failures, members that come and go: each new owner is told what was committed, and nothing else."""
        history = _History(wire, Random(seed))  # noqa: S311 - a story to tell again
        for _ in range(6):
            for _ in range(history.random.randrange(1, 8)):
                history.commit()
            history.move()


@dataclass
class _History:
    """A group of one member at a time, and what its state must be."""

    wire: Wire
    random: Random
    expected: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._inbox, self._out, self._group = self.wire.topic(), self.wire.topic(), self.wire.group()
        self._count = 0
        self._join()

    def _join(self) -> None:
        self._listener = Listener()
        self._member = self.wire.join(self._group, self._inbox, listener=self._listener)
        self.wire.settle({self._member: self._listener}, _PARTITIONS)

    def commit(self) -> None:
        """Commit some changes, or fail to."""
        drawn = [self._change() for _ in range(self.random.randrange(1, 10))]
        if self.random.random() < 0.2:
            unsound = Outgoing(self._out, 7, "no key")  # type: ignore[arg-type]  # what no topic carries
            with pytest.raises(Exception):  # noqa: B017, PT011 - each family has its own way to refuse a key that is no text
                self._member.commit(changes(*drawn, records=[unsound]))
            self._member.rewind()
            self.wire.settle({self._member: self._listener}, _PARTITIONS)
            return
        self._member.commit(changes(*drawn))
        for owner, part, value in drawn:
            self._apply(owner, part, value)

    def _change(self) -> tuple[str, str, str | None]:
        owner, self._count = self.random.choice(_OWNERS), self._count + 1
        match self.random.randrange(10):
            case 0:
                return owner, ALL_PARTS, None
            case 1 | 2:
                return owner, self.random.choice(_PARTS), None
            case _:
                return owner, self.random.choice(_PARTS), f"{self._count}"

    def _apply(self, owner: str, part: str, value: str | None) -> None:
        parts = self.expected.setdefault(owner, {})
        if value is not None:
            parts[part] = value
        elif part == ALL_PARTS:
            parts.clear()
        else:
            parts.pop(part, None)
        if not parts:
            del self.expected[owner]

    def move(self) -> None:
        """The member goes, in the midst of something or not, and another one comes: it is told what must be."""
        if self.random.random() < 0.5:
            self.wire.send(self._inbox, (self.random.choice(_OWNERS), "x"))
            self._member.poll(1, 0.05)
        self._member.close()
        self._join()
        assert self._listener.state == self.expected


class StateStoreContract(StateChangesContract, StateMovesContract):
    """The whole. Needs the fixture `log`; `patience` is how many seconds a member of the family may take for what should be soon."""
