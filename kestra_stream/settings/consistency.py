"""What settings must not say together, and what they say in vain."""

from collections.abc import Iterator, Mapping

from kestra_stream.settings.keys import written
from kestra_stream.settings.section import Section
from kestra_stream.settings.sections import Settings
from kestra_stream.settings.storage import StorageSettings

_ROOT = "kestra"

_OURS = {
    "group.id": "each component is a group of its own (`kestra.kafka.defaults.topic-prefix` begins their names)",
    "group.instance.id": "each group needs it (set `kestra.kafka.client.instance-id`)",
    "transactional.id": "each member has its own",
    "enable.auto.commit": "offsets are committed in transactions",
    "enable.auto.offset.store": "offsets are committed in transactions",
    "auto.commit.enable": "offsets are committed in transactions",
    "isolation.level": "only what is committed counts",
    "enable.idempotence": "producers are transactional",
    "partition.assignment.strategy": "each group needs the one that keeps partitions of one number together",
    "group.remote.assignor": "each group needs the one that keeps partitions of one number together",
    "enable.partition.eof": "readers that end at a place need it, and others must not have it",
    "auto.offset.reset": "a new group begins with the oldest records",
    "allow.auto.create.topics": "a topic that a broker makes by itself has other properties than it needs",
    "partitioner": "the partition of a record follows from its key, for whoever writes it",
}
_OF_JAVA = {
    "sasl.jaas.config": "write `sasl.username` and `sasl.password`",
    "ssl.truststore.location": "write `ssl.ca.location`, a file of PEM",
    "ssl.truststore.certificates": "write `ssl.ca.pem`",
    "ssl.truststore.password": "`ssl.ca.location`, a file of PEM, needs none",
    "ssl.truststore.type": "`ssl.ca.location` is a file of PEM",
    "ssl.keystore.key": "write `ssl.key.pem`",
    "ssl.keystore.certificate.chain": "write `ssl.certificate.pem`",
    "ssl.keystore.type": "`ssl.keystore.location` is a file of PKCS#12",
    "ssl.enabled.protocols": "the newest protocol that both sides know is taken",
    "ssl.protocol": "the newest protocol that both sides know is taken",
    "sasl.login.callback.handler.class": "write `sasl.oauthbearer.method`",
    "sasl.client.callback.handler.class": "write `sasl.oauthbearer.method`",
    "max.request.size": "write `message.max.bytes`",
    "buffer.memory": "write `queue.buffering.max.kbytes`",
}
"""Properties of Java's client, as an installation of the reference has them, and what librdkafka has instead."""
_MOST_BYTES = "message.max.bytes"
_LIBRARY_BYTES = 1_000_000
_PROPERTIES = (("client",), ("defaults", "consumer"), ("defaults", "producer"))


Path = tuple[str, ...]


def contradictions(settings: Settings) -> Iterator[tuple[Path, str, Path]]:
    """Yield the path of each contradiction, what to do about it, and the path of the value that asks for it."""
    kafka = settings.kafka
    yield from _refused(settings)
    yield from _numbers(settings)
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


def _refused(settings: Settings) -> Iterator[tuple[Path, str, Path]]:
    for path, properties in zip(_PROPERTIES, _groups(settings), strict=True):
        for name in properties:
            where = ("kafka", *path, "properties", name)
            if name in _OURS:
                yield where, f"is set by the engine, because {_OURS[name]}: take it out", where
            elif name in _OF_JAVA:
                yield where, f"is a property of Java's client, and this one is librdkafka: {_OF_JAVA[name]}", where


def _numbers(settings: Settings) -> Iterator[tuple[Path, str, Path]]:
    """Numbers that do not go together; what is no number is told by whom it is for."""
    liveness = settings.server.liveness
    if liveness.timeout < 2 * liveness.heartbeat_interval:
        why = f"a worker that tells of itself every {liveness.heartbeat_interval.total_seconds():g} s would be taken for dead"
        message = f"{why}: make it at least twice kestra.server.liveness.heartbeat-interval"
        cause = "timeout" if "timeout" in liveness.model_fields_set else "heartbeat_interval"
        yield ("server", "liveness", "timeout"), message, ("server", "liveness", cause)
    kafka = settings.kafka
    most = kafka.defaults.producer.properties.get(_MOST_BYTES) or kafka.client.properties.get(_MOST_BYTES, str(_LIBRARY_BYTES))
    if most.isdecimal() and kafka.message_bytes > int(most):
        message = f"is more than the client sends ({_MOST_BYTES}: {most}): raise kestra.kafka.client.properties.{_MOST_BYTES}, too"
        yield ("kafka", "message_bytes"), message, ("kafka", "message_bytes")


def is_debugged(settings: Settings) -> bool:
    """Whether the client library is asked to say all that it does."""
    return settings.queue.type == "kafka" and any(properties.get("debug") for properties in _groups(settings))


def _groups(settings: Settings) -> tuple[Mapping[str, str], ...]:
    kafka = settings.kafka
    return kafka.client.properties, kafka.defaults.consumer.properties, kafka.defaults.producer.properties


def without_effect(settings: Settings) -> Iterator[str]:
    """Yield keys that somebody has set, but that do nothing here, and why."""
    for path, is_used, why in _conditions(settings):
        keys = [] if is_used else list(_set_below(settings, path))
        if keys:
            yield f"{', '.join(keys)} {'has' if len(keys) == 1 else 'have'} no effect: {why}"


def _conditions(settings: Settings) -> Iterator[tuple[Path, bool, str]]:
    """Parts of the settings, when each of them counts, and why not when it does not."""
    is_kafka, storage, state = settings.queue.type == "kafka", settings.storage.type, settings.engine.state.type
    yield ("kafka",), is_kafka, "kestra.queue.type is `memory`; set it to `kafka`"
    yield ("engine", "state"), is_kafka, "kestra.queue.type is `memory`, which keeps all state in memory"
    yield ("storage", "cleanup"), is_kafka, "only servers on Kafka sweep, and kestra.queue.type is `memory`"
    yield ("repository", "most_executions"), not is_kafka, "the Kafka family has no repository yet"
    for name in ("local", "s3", "minio"):
        yield ("storage", name), storage == name, f"kestra.storage.type is `{storage}`"
    yield from _bucket_conditions(settings.storage)
    yield ("storage", "options"), storage not in {"local", "s3", "minio"}, f"they are for the storage of a plugin, not for `{storage}`"
    yield ("retries",), storage in {"s3", "minio"}, f"requests to a bucket are tried again, and kestra.storage.type is `{storage}`"
    if is_kafka:
        for name in ("path", "most_live_executions"):
            yield ("engine", "state", name), state == "disk", "kestra.engine.state.type is `memory`"


def _bucket_conditions(storage: StorageSettings) -> Iterator[tuple[Path, bool, str]]:
    s3, minio = storage.s3, storage.minio
    if storage.type == "s3":
        has_keys, place = s3.access_key is not None, ("storage", "s3")
        for name in ("external_id", "session_name", "session_duration"):
            yield (*place, f"sts_role_{name}"), s3.sts_role_arn is not None, "kestra.storage.s3.sts-role-arn is not set"
        yield (*place, "sts_endpoint_override"), s3.sts_role_arn is not None, "kestra.storage.s3.sts-role-arn is not set"
        yield (*place, "sts_web_identity_token_file"), not has_keys, "kestra.storage.s3.access-key takes the role"
        if s3.sts_role_arn is not None:
            yield (*place, "sts_role_external_id"), has_keys, "the token of a web identity takes the role, and is asked for no such id"
    if storage.type == "minio" and minio.endpoint is not None and ":" in minio.endpoint:
        yield ("storage", "minio", "port"), False, "kestra.storage.minio.endpoint tells it"
        yield ("storage", "minio", "secure"), "://" not in minio.endpoint, "kestra.storage.minio.endpoint tells it"
    for name, bucket in (("s3", s3), ("minio", minio)):
        if storage.type == name:
            yield ("storage", name, "session_token"), bucket.access_key is not None, f"kestra.storage.{name}.access-key is not set"
            yield ("storage", name, "ca_file"), bucket.verify_tls, f"kestra.storage.{name}.verify-tls is off"


def _set_below(section: Section, path: Path) -> Iterator[str]:
    """Yield the dotted names of what somebody has set at a path or below it."""
    at: object = section
    for place, name in enumerate(path):
        if not isinstance(at, Section) or name not in at.model_fields_set:
            return
        at = getattr(at, name)
        if place == len(path) - 1:
            yield from _leaves(at, ".".join((_ROOT, *map(written, path))))


def _leaves(value: object, key: str) -> Iterator[str]:
    if not isinstance(value, Section):
        yield key
        return
    for name in type(value).model_fields:
        if name in value.model_fields_set:
            yield from _leaves(getattr(value, name), f"{key}.{written(name)}")
