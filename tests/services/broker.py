"""How tests reach a broker, and what they ask of it as its administrators."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType

PATIENCE = 30.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker or a cluster.

    Attributes:
        client: librdkafka properties that any client needs to reach it (`bootstrap.servers`, and what its security asks for).
    """

    client: Mapping[str, str]

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` of each broker, with commas."""
        return self.client["bootstrap.servers"]

    def admin(self) -> AdminClient:
        """Return a new client for what is not here."""
        return AdminClient({**self.client, "log_level": 0})

    def topics(self, prefix: str = "") -> set[str]:
        """Return the names of the topics that begin so."""
        return {name for name in self.admin().list_topics(timeout=PATIENCE).topics if name.startswith(prefix)}

    def create_topic(self, name: str, partitions: int = 1, replicas: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Create a topic and return its name."""
        topic = NewTopic(name, num_partitions=partitions, replication_factor=replicas, config=dict(config or {}))
        admin = self.admin()  # held: what it was asked for is given up with it
        _all(admin.create_topics([topic], operation_timeout=PATIENCE).values())
        return name

    def grow_topic(self, name: str, partitions: int) -> None:
        """Give a topic more partitions."""
        admin = self.admin()
        _all(admin.create_partitions([NewPartitions(name, partitions)], operation_timeout=PATIENCE).values())

    def delete_topics(self, names: Iterable[str]) -> None:
        """Delete topics; one that is not there is passed over."""
        admin, wanted = self.admin(), sorted(names)
        if wanted:
            _all(admin.delete_topics(wanted, operation_timeout=PATIENCE).values(), KafkaError.UNKNOWN_TOPIC_OR_PART)

    def configure_group(self, group: str, config: Mapping[str, str]) -> None:
        """Set properties of a consumer or share group on the broker, as `share.auto.offset.reset`."""
        self._configure(ResourceType.GROUP, group, config)

    def configure_topic(self, topic: str, config: Mapping[str, str]) -> None:
        """Set properties of a topic on the broker, as `retention.ms`."""
        self._configure(ResourceType.TOPIC, topic, config)

    def _configure(self, kind: ResourceType, name: str, config: Mapping[str, str]) -> None:
        entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()]
        admin = self.admin()
        _all(admin.incremental_alter_configs([ConfigResource(kind, name, incremental_configs=entries)]).values())


def _all(futures: Iterable["Future[T]"], *passed_over: int) -> None:
    """Wait for each; raise the first error that is not passed over."""
    for future in futures:
        try:
            future.result(PATIENCE)
        except KafkaException as error:
            if error.args[0].code() not in passed_over:
                raise
