"""Which of Kafka's two group protocols a member speaks.

classic     the members share out the partitions among themselves; the session timeout is the client's
consumer    since Kafka 4: the broker shares them out; the session timeout is a property of the group on the broker, which does not
            let it be shorter than `group.consumer.min.session.timeout.ms`, 45 s by default

A property `group.protocol` decides. Without one a member speaks `consumer` where the broker has it and lets a dead member be noticed
as soon as the classic protocol does; see docs/decisions/0009.
"""

import logging
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from kestra_stream.errors import Invalid, Unavailable
from kestra_stream.queue.kafka.admin import TopicAdmin
from kestra_stream.queue.kafka.connection import Connection

logger = logging.getLogger("kestra_stream.kafka.client")

_SHORTEST = "group.consumer.min.session.timeout.ms"
_SHORTEST_BEAT = "group.consumer.min.heartbeat.interval.ms"
_REQUEST = 10.0


class Protocol(StrEnum):
    """How members share out partitions."""

    CLASSIC = "classic"
    CONSUMER = "consumer"


class GroupProtocol:
    """What the groups of one cluster speak.

    Args:
        administrator: properties of a client that administers.
        given: the property `group.protocol`; None when nobody has set it.
        session_ms, heartbeat_ms: how soon a dead member shall be noticed, and how often a live one tells that it is.
    """

    def __init__(self, administrator: Mapping[str, Any], given: str | None, session_ms: int, heartbeat_ms: int) -> None:
        self._administrator = dict(administrator)
        self._given = None if given is None else Protocol(given.lower())
        self._session_ms = session_ms
        self._heartbeat_ms = heartbeat_ms
        self._broker: Mapping[str, str] | None = None
        self._chosen = self._given

    def spoken(self) -> Protocol:
        """Return what members speak; asks the broker once when nobody has said it."""
        if self._chosen is None:
            broker = self._properties()
            has_it = Protocol.CONSUMER in broker.get("group.coordinator.rebalance.protocols", "").split(",")
            is_quick = int(broker.get(_SHORTEST, 0) or 0) <= self._session_ms
            self._chosen = Protocol.CONSUMER if has_it and _SHORTEST in broker and is_quick else Protocol.CLASSIC
            logger.info("groups speak the protocol `%s`", self._chosen)
        return self._chosen

    def configuration(self, connection: Connection, group: str, *, has_one_topic: bool) -> dict[str, Any]:
        """Return the configuration of a member of a group that the broker is ready for."""
        self.prepare(f"{connection.prefix}{group}")
        return connection.member(group, has_one_topic=has_one_topic, is_classic=self.spoken() is Protocol.CLASSIC)

    def prepare(self, group: str) -> None:
        """Tell the broker how soon a dead member of a group must be noticed: as soon as it allows, where it allows less than we want."""
        if self.spoken() is Protocol.CLASSIC:
            return
        broker = self._properties()
        session = max(self._session_ms, int(broker.get(_SHORTEST, 0) or 0))
        beat = max(self._heartbeat_ms, int(broker.get(_SHORTEST_BEAT, 0) or 0))
        if session > self._session_ms:
            logger.warning(
                "the broker lets a dead member of %s be noticed after %s s only; lower its %s, or set group.protocol to `classic`",
                group,
                session // 1000,
                _SHORTEST,
            )
        wanted = {"consumer.session.timeout.ms": session, "consumer.heartbeat.interval.ms": min(beat, session // 2)}
        entries = [ConfigEntry(name, str(value), incremental_operation=AlterConfigOpType.SET) for name, value in wanted.items()]
        resource = ConfigResource(ResourceType.GROUP, group, incremental_configs=entries)
        client = AdminClient(self._administrator, logger=logger)
        try:
            for future in client.incremental_alter_configs([resource], request_timeout=_REQUEST).values():
                future.result(_REQUEST + 1)
        except (KafkaException, TimeoutError) as error:
            logger.warning("the broker keeps its own session timeout for %s: %s", group, error)

    def _properties(self) -> Mapping[str, str]:
        """Return the properties of a broker; none when this client may not see them."""
        if self._broker is None:
            try:
                self._broker = TopicAdmin(self._administrator, _REQUEST).broker_properties() or {}
            except (Unavailable, Invalid) as error:
                logger.info("the properties of the broker are not known: %s", error)
                return {}
        return self._broker
