"""The client of one member of a group, made anew when it has ended for good."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from kestra_stream.queue.kafka.clients.standstill import abandon
from kestra_stream.queue.kafka.cluster import Cluster, Place
from kestra_stream.queue.kafka.errors import Needs, told
from kestra_stream.queue.kafka.group.membership import newer
from kestra_stream.queue.kafka.group.protocol import GroupProtocol
from kestra_stream.queue.kafka.group.vigil import Vigil

logger = logging.getLogger("kestra_stream.kafka.client")

_MOMENT = 0.02
# A rebalance waits for the next heartbeat of each member.
_LEAVING = 2.0

OnChange = Callable[[Any, Sequence[TopicPartition]], None]


def leave(consumer: Any, configuration: Mapping[str, Any]) -> None:
    """Leave a group, and close.

    A member without partitions of a classic group goes without a word when it is only closed (librdkafka 2.16, cooperative rebalances):
    until its session ends every rebalance waits for it. One that unsubscribes tells it. A static member shall not tell.

    Args:
        consumer: of one member.
        configuration: that it was made with.
    """
    is_static, is_classic = "group.instance.id" in configuration, configuration.get("group.protocol", "classic") == "classic"
    try:
        if is_classic and not is_static and not consumer.assignment() and consumer.memberid():
            _tell(consumer)
    except KafkaException as error:
        logger.info("the group %s hears nothing of this member's leave: %s", configuration["group.id"], error.args[0].str())
    finally:
        consumer.close()


def _tell(consumer: Any) -> None:
    """Unsubscribe, and wait until that is told: not while a rebalance is under way."""
    consumer.unsubscribe()
    deadline = time.monotonic() + _LEAVING
    while consumer.memberid() and time.monotonic() < deadline:
        consumer.poll(_MOMENT)


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
        self._vigil = Vigil(str(self._configuration["group.id"]), cluster)
        self._metadata = b""
        self.consumer: Any = self._joined()

    def heard(self, messages: Iterable[Any]) -> None:
        """Something came: records, or the news that a partition goes no further."""
        self._vigil.heard(messages)

    def is_astray(self, owned: Collection[Place]) -> bool:
        """Whether the client does not find its group any more, or gives nothing of what is there."""
        return self._vigil.is_astray(self.consumer, owned)

    def replace(self) -> None:
        """Come back as somebody new; the client that is astray is left."""
        abandon(self.consumer)
        self.consumer = self._joined()

    def join_anew(self) -> None:
        """Leave, and come back as somebody new."""
        self.leave()
        self.consumer = self._joined()

    def note_membership(self) -> None:
        """Partitions came: they belong to what the group's metadata is now."""
        self._metadata = self._metadata_now()

    @property
    def metadata(self) -> bytes:
        """The group's metadata of the last assignment, or newer of the same member."""
        self._metadata = newer(self._metadata, self._metadata_now())
        return self._metadata

    def _metadata_now(self) -> bytes:
        return bytes(self.consumer.consumer_group_metadata())

    def leave(self) -> None:
        """Leave the group; what it has is closed."""
        leave(self.consumer, self._configuration)

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
