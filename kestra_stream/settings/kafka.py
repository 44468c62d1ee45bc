"""Settings of the Kafka family."""

from datetime import timedelta

from pydantic import Field

from kestra_stream.settings.section import Duration, Properties, Section


class KafkaClientSettings(Section):
    """What every client is made with.

    Attributes:
        properties: any property of librdkafka, as `bootstrap.servers`, `security.protocol` or `sasl.password`.
        start_timeout: how long a process waits at its start for a broker that is away.
        instance_id: name of this process that stays the same when it starts again, so that it gets its partitions back without a
            rebalance; no other process may have it.
    """

    properties: Properties = Field(default_factory=dict)
    instance_id: str | None = None
    start_timeout: Duration = timedelta(minutes=1)


class ClientPropertiesSettings(Section):
    """Properties of one kind of client.

    Attributes:
        properties: any property of librdkafka; they win over those of all clients.
    """

    properties: Properties = Field(default_factory=dict)


class TopicDefaults(Section):
    """What every topic is made with.

    Attributes:
        create: whether a server makes the topics that are missing when it starts; otherwise it only verifies them.
        alter: whether it also changes properties of topics that differ.
        partitions: number of partitions of a topic whose own number is not 1; empty for what the table of topics says.
        replication_factor: copies of each partition; none for the broker's own default.
        properties: properties of the topic, as `min.insync.replicas`.
    """

    create: bool = True
    alter: bool = False
    partitions: int | None = Field(default=None, ge=1)
    replication_factor: int | None = Field(default=None, ge=1, le=32767)
    properties: Properties = Field(default_factory=dict)


class TopicSettings(Section):
    """One topic, where it is to differ.

    Attributes:
        partitions: number of partitions.
        replication_factor: copies of each partition.
        properties: properties of the topic, as `retention.ms`; they win over those of all topics.
    """

    partitions: int | None = Field(default=None, ge=1)
    replication_factor: int | None = Field(default=None, ge=1, le=32767)
    properties: Properties = Field(default_factory=dict)


class KafkaTopics(Section):
    """One entry for each topic of the table (topics.py)."""

    execution_inbox: TopicSettings = TopicSettings()
    execution_event: TopicSettings = TopicSettings()
    executor_state: TopicSettings = TopicSettings()
    worker_job: TopicSettings = TopicSettings()
    worker_talk: TopicSettings = TopicSettings()
    flow: TopicSettings = TopicSettings()
    limiter_inbox: TopicSettings = TopicSettings()
    limiter_state: TopicSettings = TopicSettings()
    log: TopicSettings = TopicSettings()
    metric: TopicSettings = TopicSettings()
    kill: TopicSettings = TopicSettings()
    service: TopicSettings = TopicSettings()
    liveness_state: TopicSettings = TopicSettings()
    dead_letter: TopicSettings = TopicSettings()
    dead_letter_mark: TopicSettings = TopicSettings()


class KafkaDefaults(Section):
    """What holds for all topics and clients.

    Attributes:
        topic_prefix: what the names of topics, consumer groups and transactional ids begin with.
    """

    topic_prefix: str = Field(default="kestra_", pattern=r"^[a-zA-Z0-9._-]*$")
    topic: TopicDefaults = TopicDefaults()
    consumer: ClientPropertiesSettings = ClientPropertiesSettings()
    producer: ClientPropertiesSettings = ClientPropertiesSettings()
    topics: KafkaTopics = KafkaTopics()


class KafkaSettings(Section):
    """Kafka.

    Attributes:
        message_bytes: a record whose value is larger goes to the storage, and its claim travels.
    """

    message_bytes: int = Field(default=900_000, ge=10_000)

    client: KafkaClientSettings = KafkaClientSettings()
    defaults: KafkaDefaults = KafkaDefaults()
