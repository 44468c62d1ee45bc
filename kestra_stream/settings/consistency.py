"""What settings must not say together."""

from collections.abc import Iterator

from kestra_stream.settings.sections import Settings

_OURS = {
    "group.id": "each component is a group of its own (`kestra.kafka.defaults.topic-prefix` begins their names)",
    "group.instance.id": "each group needs it (set `kestra.kafka.client.instance-id`)",
    "transactional.id": "each member has its own",
    "enable.auto.commit": "offsets are committed in transactions",
    "enable.auto.offset.store": "offsets are committed in transactions",
    "isolation.level": "only what is committed counts",
    "enable.idempotence": "producers are transactional",
    "partition.assignment.strategy": "each group needs the one that keeps partitions of one number together",
    "group.remote.assignor": "each group needs the one that keeps partitions of one number together",
    "enable.partition.eof": "readers that end at a place need it, and others must not have it",
    "auto.offset.reset": "a new group begins with the oldest records",
}
_PROPERTIES = (("client",), ("defaults", "consumer"), ("defaults", "producer"))


Path = tuple[str, ...]


def contradictions(settings: Settings) -> Iterator[tuple[Path, str, Path]]:
    """Yield the path of each contradiction, what to do about it, and the path of the value that asks for it."""
    kafka = settings.kafka
    groups = (kafka.client.properties, kafka.defaults.consumer.properties, kafka.defaults.producer.properties)
    for path, properties in zip(_PROPERTIES, groups, strict=True):
        for name in properties:
            if name in _OURS:
                where = ("kafka", *path, "properties", name)
                yield where, f"is set by the engine, because {_OURS[name]}: take it out", where
    if settings.queue.type != "kafka":
        return
    if not kafka.client.properties.get("bootstrap.servers", kafka.client.properties.get("metadata.broker.list")):
        yield (
            ("kafka", "client", "properties", "bootstrap.servers"),
            "is needed by `kestra.queue.type: kafka`: name a broker, as `broker:9092`",
            ("queue", "type"),
        )
    if settings.repository.type is not None:
        yield (
            ("repository", "type"),
            "the Kafka family has no repository yet, and one in memory would be another in each process: take it out",
            ("repository", "type"),
        )
