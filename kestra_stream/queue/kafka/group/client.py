"""The client of one member of a group, made anew when it has ended for good."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from kestra_stream.queue.kafka.cluster import Cluster, Place
from kestra_stream.queue.kafka.errors import Needs, told
from kestra_stream.queue.kafka.group.protocol import GroupProtocol

logger = logging.getLogger("kestra_stream.kafka.client")

OnChange = Callable[[Any, Sequence[TopicPartition]], None]


class GroupClient:
    """Subscribed to topics from the start on. Not thread-safe.

    Args:
        topics: by their names on the broker.
        came, revoked, lost: told of changes of the partitions, inside of a poll.

    Attributes:
        consumer: the present one.
    """

    def __init__(
        self,
        cluster: Cluster,
        protocol: GroupProtocol,
        group: str,
        topics: Sequence[str],
        came: OnChange,
        revoked: OnChange,
        lost: OnChange,
    ) -> None:
        self._configuration = protocol.configuration(cluster.connection, group, has_one_topic=len(topics) == 1)
        self._topics = list(topics)
        self._listeners = {"on_assign": came, "on_revoke": revoked, "on_lost": lost}
        self.consumer: Any = self._joined()

    def join_anew(self) -> None:
        """Leave, and come back as somebody new."""
        self.consumer.close()
        self.consumer = self._joined()

    def _joined(self) -> Any:
        consumer = Consumer(self._configuration, logger=logger)
        consumer.subscribe(self._topics, **self._listeners)
        return consumer

    def seek(self, place: Place, offset: int) -> bool:
        """Read a partition from an offset on; False when it is not read any more: the next poll tells what has become of it.

        Raises:
            Unavailable: the client does not do it now.
        """
        try:
            self.consumer.seek(TopicPartition(*place, offset))
        except KafkaException as error:
            if error.args[0].code() in {KafkaError._STATE, KafkaError._FATAL}:  # noqa: SLF001 - codes
                return False
            raise told(error.args[0], f"{place[0]}/{place[1]} can not be read again") from error
        return True

    def needs(self, message: Any) -> Needs:
        """Return the rights that reading takes."""
        return Needs(message.topic() or ", ".join(self._topics), group=str(self._configuration["group.id"]))
