"""How this process talks to a Kafka cluster: the properties of its clients, ours below those that a person sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kestra_stream.topics import Topic

PREFIX = "kestra_"

# The first partition that is added after a commit is refused until the markers are written: a client that sleeps the default 100 ms
# makes every transaction as slow as that (measured). The maximum stays, so that a broker that is away is not hammered.
_ALL: Mapping[str, Any] = {
    "retry.backoff.ms": 1,
    "retry.backoff.max.ms": 1000,
    # While all brokers are away the client begins its backoff anew with each try (80 a second of each client with 20 ms, measured), and
    # `metadata.recovery.strategy: none`, which does not, leaves consumers stuck for good after a broker that was stopped is back (5 of 8).
    "reconnect.backoff.ms": 250,
    "reconnect.backoff.max.ms": 1000,
    "socket.nagle.disable": True,
    "log.connection.close": False,
    "allow.auto.create.topics": False,
}
_CONSUMER: Mapping[str, Any] = {
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "fetch.error.backoff.ms": 50,
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 1000,
}
# By the ends of partitions it is noticed that a client gives nothing any more (`clients/standstill`).
_NEEDED: Mapping[str, Any] = {"enable.partition.eof": True}
# Only who is in a group may have these; and only in the classic protocol the later ones: in the other one they are the broker's.
_OF_MEMBERS = ("group.protocol", "group.remote.assignor", "group.instance.id", "partition.assignment.strategy")
_OF_CLASSIC_MEMBERS = ("session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy", "group.protocol.type")
_PRODUCER: Mapping[str, Any] = {"acks": "all", "enable.idempotence": True, "message.timeout.ms": 30_000}
_TRANSACTION: Mapping[str, Any] = {"acks": "all", "transaction.timeout.ms": 10_000}
# What only a consumer, or only a producer, may be given: a person writes all of it in one place.
_OF_CONSUMERS = (
    "session.",
    "heartbeat.",
    "group.",
    "max.poll.",
    "fetch.",
    "auto.offset.",
    "isolation.",
    "partition.assignment.",
    "queued.",
)
_OF_PRODUCERS = ("transaction.", "message.timeout.", "delivery.timeout.", "linger.", "batch.", "queue.buffering.", "compression.", "acks")


@dataclass(frozen=True, slots=True)
class Connection:
    """A cluster and the name under which this process is known there.

    Attributes:
        properties: of librdkafka, as a person sets them; each wins over ours.
        consumer_properties, producer_properties: those of one kind of client; they win over `properties`.
        prefix: of the names of topics and groups.
        instance_id: for static membership: a process that comes back under the same one gets its partitions without a rebalance;
            None for a member that is new each time.
        message_bytes: a record whose value is larger goes to storage, and its claim travels. Small records are not sent in larger
            pieces either: a broker measures those, and refuses all of a piece at once.
        creates: topics that are missing are made when they are first used.
        state_folder: where state lies that outgrows memory; None to keep it in memory.
    """

    properties: Mapping[str, Any]
    prefix: str = PREFIX
    instance_id: str | None = None
    message_bytes: int = 900_000
    creates: bool = False
    replication_factor: int | None = None
    consumer_properties: Mapping[str, Any] = field(default_factory=dict[str, Any])
    producer_properties: Mapping[str, Any] = field(default_factory=dict[str, Any])
    state_folder: Path | None = None

    @property
    def address(self) -> str:
        """The brokers that are asked first, as a person has written them."""
        return str(self.properties.get("bootstrap.servers", "the broker"))

    def name(self, topic: Topic) -> str:
        """Return the name of a topic on the broker."""
        return f"{self.prefix}{topic.name}"

    def consumer(self, group: str, ours: Mapping[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
        """Return the configuration of a consumer that reads for itself.

        Args:
            group: that it is in, without the prefix.
            ours: what it would like, unless a person has set it.
            more: what nobody else decides.
        """
        given = {name: value for name, value in self._consuming().items() if name not in _OF_MEMBERS}
        return {**_ALL, **_CONSUMER, **(ours or {}), **given, **more, **_NEEDED, "group.id": f"{self.prefix}{group}"}

    def member(self, group: str, *, has_one_topic: bool, is_classic: bool) -> dict[str, Any]:
        """Return the configuration of a member of a group.

        Partitions of one number go to one member, so that the records of a key meet; with one topic only what moves is taken.
        """
        configuration = {**_ALL, **_CONSUMER}
        if is_classic:
            configuration["partition.assignment.strategy"] = "cooperative-sticky" if has_one_topic else "range"
        else:
            configuration["group.remote.assignor"] = "uniform" if has_one_topic else "range"
        configuration.update(self._consuming())
        configuration.update({**_NEEDED, "group.id": f"{self.prefix}{group}", "group.protocol": "classic" if is_classic else "consumer"})
        for name in ("group.remote.assignor",) if is_classic else _OF_CLASSIC_MEMBERS:
            configuration.pop(name, None)
        if self.instance_id is not None:
            configuration["group.instance.id"] = self.instance_id
        return configuration

    @property
    def group_protocol(self) -> str | None:
        """What a person has set for the protocol of groups."""
        given = self._consuming().get("group.protocol")
        return None if given is None else str(given)

    @property
    def session(self) -> tuple[int, int]:
        """How soon a dead member is noticed and how often a live one tells that it is, in milliseconds."""
        found = {**_CONSUMER, **self._consuming()}
        return int(found["session.timeout.ms"]), int(found["heartbeat.interval.ms"])

    def producer(self) -> dict[str, Any]:
        """Return the configuration of a producer outside of transactions."""
        given = {**self._given((*_OF_CONSUMERS, "transaction.")), **self._producing("transaction.")}
        return {**_ALL, **_PRODUCER, "batch.size": self.message_bytes, **given}

    def transactional(self, transactional_id: str) -> dict[str, Any]:
        """Return the configuration of a producer of transactions."""
        given = self._given((*_OF_CONSUMERS, "message.timeout.", "delivery.timeout."))
        own = self._producing("message.timeout.", "delivery.timeout.")
        return {**_ALL, **_TRANSACTION, "batch.size": self.message_bytes, **given, **own, "transactional.id": transactional_id}

    def admin(self) -> dict[str, Any]:
        """Return the configuration of an administrator."""
        return {**_ALL, **self._given((*_OF_CONSUMERS, *_OF_PRODUCERS))}

    def _consuming(self) -> dict[str, Any]:
        return {**self._given(_OF_PRODUCERS), **self.consumer_properties}

    def _producing(self, *but: str) -> dict[str, Any]:
        return {name: value for name, value in self.producer_properties.items() if not name.startswith(but)}

    def _given(self, but: tuple[str, ...]) -> dict[str, Any]:
        return {name: value for name, value in self.properties.items() if not name.startswith(but)}
