"""The log on Kafka: the port's verbs, each in one line of the cluster's language."""

from collections.abc import Sequence
from datetime import datetime

from kestra_stream.queue.interface import EPHEMERAL, Consumer, Outgoing, RebalanceListener, Start
from kestra_stream.queue.kafka.cluster import Cluster
from kestra_stream.queue.kafka.connection import Connection
from kestra_stream.queue.kafka.encoding import Payloads
from kestra_stream.queue.kafka.group.protocol import GroupProtocol
from kestra_stream.queue.kafka.member import KafkaMember
from kestra_stream.queue.kafka.reader import KafkaReader
from kestra_stream.queue.kafka.sender import Heard, unheard
from kestra_stream.queue.kafka.state.changelog import Changelog
from kestra_stream.queue.kafka.state.no_changelog import NoChangelog
from kestra_stream.topics import Cleanup, Topic


class KafkaLog:
    """Fulfils the port `Log`. Thread-safe.

    Args:
        payloads: where values lie that are too big for a message.
        heard: told the broker's time with each plain send.
    """

    def __init__(self, connection: Connection, payloads: Payloads | None = None, heard: Heard = unheard) -> None:
        self.cluster = Cluster(connection, payloads, heard)
        self.group_protocol = GroupProtocol(connection.admin(), connection.group_protocol, *connection.session)

    def send(self, records: Sequence[Outgoing]) -> None:
        """Append outside of any group; returns once all are durable."""
        self.cluster.sender.send(self.cluster.encoding.outgoing(records))

    def consumer(
        self, group: str, topics: Sequence[Topic], listener: RebalanceListener | None = None, state: Topic | None = None
    ) -> Consumer:
        """Join a group; a group without a name, or an ephemeral one, is a reader of its own.

        A group that names no topic for its state keeps none, unless this log makes the topics that it needs.

        Raises:
            Invalid: a topic is not there: nothing would ever come from it.
        """
        if not group or group.startswith(EPHEMERAL):
            return KafkaReader(self.cluster, topics)
        if state is None and not self.cluster.connection.creates:
            for topic in topics:
                self.cluster.partitions(self.cluster.ensure(topic))
            return KafkaMember(self.cluster, self.group_protocol, group, topics, listener, NoChangelog(group))
        kept = state or Topic(f"{group}_state", "owner + part", object, Cleanup.COMPACT, group, group)
        size = max(self.cluster.partitions(self.cluster.ensure(topic)) for topic in topics)
        changelog = Changelog(self.cluster, kept, self.cluster.ensure(kept, size), self.cluster.connection.state_folder)
        return KafkaMember(self.cluster, self.group_protocol, group, topics, listener, changelog)

    def reader(self, topics: Sequence[Topic], start: Start | datetime = Start.OLDEST, key: str | None = None) -> KafkaReader:
        """Read topics without a group, from a place that is fixed when this returns."""
        return KafkaReader(self.cluster, topics, start, key)

    def close(self) -> None:
        """Stop; every blocked poll returns."""
        self.cluster.close()
