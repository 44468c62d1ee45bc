"""What the log's contract suites write and read with: topics and groups of their own for each test, patient reads, a listener."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from kestra_stream.queue.interface import (
    Consumer,
    Log,
    Outgoing,
    Reader,
    RebalanceListener,
    Record,
    State,
    StateChange,
    TopicPartition,
    Transaction,
)
from kestra_stream.topics import Cleanup, Topic

_MOMENT = 0.05


class Listener:
    """Remembers what a member owns, and the state that came with it."""

    def __init__(self) -> None:
        self.owned: frozenset[TopicPartition] = frozenset()
        self.history: list[str] = []
        self._state: dict[int, dict[str, Mapping[str, Any]]] = {}

    @property
    def state(self) -> dict[str, Mapping[str, Any]]:
        """What lives beside its partitions, by owner."""
        return {owner: parts for owners in self._state.values() for owner, parts in owners.items()}

    def keep(self, number: int, owner: str, parts: Mapping[str, Any]) -> None:
        """Note what an owner's state is by now."""
        self._state.setdefault(number, {})[owner] = parts

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        """Partitions came."""
        self.history.append("assigned")
        self.owned |= partitions
        for number, owners in state.items():
            self._state[number] = dict(owners)

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Partitions went."""
        self.history.append("revoked")
        self.owned -= partitions
        for place in partitions:
            self._state.pop(place.partition, None)


@dataclass
class Wire:
    """A log with the means to test it.

    Attributes:
        patience: seconds within which the log must have delivered.
        topics: by name, all that were made here.
    """

    log: Log
    patience: float
    topics: dict[str, Topic] = field(default_factory=dict)
    consumers: list[Consumer | Reader] = field(default_factory=list)

    def topic(self, partitions: int = 4, cleanup: Cleanup = Cleanup.DELETE) -> Topic:
        """Return a topic that nobody else knows; its values are texts."""
        topic = Topic(f"contract-{uuid4().hex}", "any", str, cleanup, "a test", "a test", partitions)
        self.topics[topic.name] = topic
        return topic

    def group(self) -> str:
        """Return the name of a group that nobody else knows."""
        return f"contract-{uuid4().hex}"

    def join(self, group: str, *topics: Topic, listener: RebalanceListener | None = None, state: Topic | None = None) -> Consumer:
        """Return a consumer that is closed after the test."""
        consumer = self.log.consumer(group, topics, listener, state)
        self.consumers.append(consumer)
        return consumer

    def member(self, group: str, *topics: Topic) -> Consumer:
        """Return a consumer that has joined alone and owns all partitions: only now a commit of it counts."""
        listener = Listener()
        consumer = self.join(group, *topics, listener=listener)
        self.settle({consumer: listener}, sum(topic.partitions for topic in topics))
        return consumer

    def send(self, topic: Topic, *pairs: tuple[str, str | None]) -> None:
        """Send keys with values."""
        self.log.send([Outgoing(topic, key, value) for key, value in pairs])

    def read(self, consumer: Consumer | Reader, count: int) -> list[Record]:
        """Poll until there are as many records; fails when they do not come, or more come."""
        found: list[Record] = []
        deadline = time.monotonic() + self.patience
        while len(found) < count and time.monotonic() < deadline:
            found.extend(consumer.poll(100, _MOMENT))
        found.extend(consumer.poll(100, 0))
        if len(found) != count:
            raise AssertionError(f"{len(found)} records came, not {count}: {[record.value for record in found]}")
        return found

    def values(self, consumer: Consumer | Reader, count: int) -> list[str]:
        """Poll until there are as many records; return their values in order of arrival."""
        return [record.value for record in self.read(consumer, count)]

    def is_silent(self, consumer: Consumer) -> bool:
        """Whether nothing comes for a moment."""
        return not consumer.poll(100, _MOMENT * 4)

    def settle(self, members: Mapping[Consumer, Listener], partitions: int) -> None:
        """Poll all members in turn until together they own all partitions, each its fair share."""
        least = partitions // len(members)
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            for member in members:
                member.poll(1, _MOMENT / 5)
                member.rewind()
            shares = [len(listener.owned) for listener in members.values()]
            if sum(shares) == partitions and all(share in {least, least + 1} for share in shares):
                return
        raise AssertionError(f"the partitions were not shared out: {[sorted(map(str, listener.owned)) for listener in members.values()]}")

    def heir(self, group: str, topic: Topic) -> Consumer:
        """Join until a partition is owned; the other member is not polled meanwhile, as if it hung.

        Members join until one of them is given it: a member that hangs may be in the group for a while yet.
        """
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            listener = Listener()
            consumer = self.join(group, topic, listener=listener)
            until = min(deadline, time.monotonic() + self.patience / 4)
            while time.monotonic() < until:
                consumer.poll(1, _MOMENT)
                consumer.rewind()
                if listener.owned:
                    return consumer
        raise AssertionError("nobody took over")

    def state(self, group: str, *topics: Topic, state: Topic | None = None) -> dict[str, Mapping[str, Any]]:
        """Return the whole state of a group, as a member is told that joins alone; those who have just left may be members for a moment."""
        listener, all_of_them = Listener(), sum(topic.partitions for topic in topics)
        consumer = self.log.consumer(group, topics, listener, state)
        deadline = time.monotonic() + self.patience
        while len(listener.owned) < all_of_them and time.monotonic() < deadline:
            consumer.poll(1, _MOMENT)
        consumer.close()
        return listener.state

    def close(self) -> None:
        """Close all consumers."""
        for consumer in self.consumers:
            consumer.close()


class WiredContract:
    """Needs the fixture `log`. `patience` is how many seconds a member of the family may take for what should be soon."""

    patience = 10.0

    @pytest.fixture
    def wire(self, log: Log) -> Iterator[Wire]:
        """What the tests write and read with."""
        wire = Wire(log, self.patience)
        yield wire
        wire.close()


def changes(*state: tuple[str, str, str | None], records: Sequence[Outgoing] = ()) -> Transaction:
    """Return a transaction over (owner, part, value)."""
    return Transaction(records, [StateChange(owner, part, value) for owner, part, value in state])
