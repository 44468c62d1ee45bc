"""Topics on the broker: settings in; a plan, the work done, and what is there out."""

from collections.abc import Mapping, Sequence

from kestra_stream.errors import Invalid
from kestra_stream.queue.kafka.admin import TopicAdmin, ensure_topics
from kestra_stream.queue.kafka.broker_features import missing_features, needed_features
from kestra_stream.queue.kafka.clients import check_properties
from kestra_stream.queue.kafka.connection import Connection
from kestra_stream.queue.kafka.topic_layout import TopicLayout, TopicOverride, wanted_topics
from kestra_stream.queue.kafka.topic_plan import FoundTopic, Plan, Problem, problems_left, told_together
from kestra_stream.settings import Settings
from kestra_stream.topics import TOPICS

MOST_BYTES = 1_000_000
"""Bytes of one batch that librdkafka sends at most, unless its `message.max.bytes` says another number."""


class BrokerTopics:
    """The topics of one cluster, as the settings want them.

    Args:
        groups: worker groups whose jobs have a topic of their own, beside the one that the settings serve.
    """

    def __init__(self, settings: Settings, groups: Sequence[str] = ()) -> None:
        if settings.queue.type != "kafka":
            raise Invalid("kestra.queue.type: only `kafka` has topics on a broker; set it, and kestra.kafka.client.properties")
        connection = connection_of(settings)
        check_properties(connection)
        own = (settings.worker.group,) if settings.worker.group else ()
        self.layout = topic_layout(settings, tuple(dict.fromkeys((*own, *groups))))
        self.patience = settings.kafka.client.start_timeout.total_seconds()
        self.client = connection.admin()
        self._admin = TopicAdmin(self.client, self.patience)
        self._needed = needed_features({**settings.kafka.client.properties, **settings.kafka.defaults.consumer.properties})

    def plan(self) -> Plan:
        """Compare what is there with what must be there."""
        return self._admin.plan(self.layout)

    def create(self, *, alter: bool) -> tuple[Plan, Sequence[Problem]]:
        """Do what can be done; return what it was, and what is still wrong."""
        plan = self.plan()
        self._admin.apply(plan, alter=alter)
        return plan, self._admin.plan_after(self.layout, plan).problems

    def found(self) -> Mapping[str, FoundTopic | None]:
        """Return each topic that must be there, by its name on the broker; None for one that is missing."""
        names = [topic.name for topic in wanted_topics(self.layout)]
        found = self._admin.found(names)
        return {name: found.get(name) for name in names}

    def broker_faults(self) -> Sequence[str]:
        """Say what the broker is too old for."""
        if not self._needed:
            return ()
        broker = self._admin.broker_properties()
        return () if broker is None else tuple(missing_features(broker, sorted(self._needed)))


def prepare_topics(settings: Settings) -> None:
    """Make and verify the topics at the start of a process, as the settings say.

    Raises:
        Unavailable: no broker answers.
        Invalid: a topic or the broker is not what the settings need.
    """
    topics = BrokerTopics(settings)
    if faults := topics.broker_faults():
        raise Invalid("\n".join(faults))
    made = settings.kafka.defaults.topic
    ensure_topics(topics.client, topics.layout, create=made.create, alter=made.alter, patience=topics.patience)


def connection_of(settings: Settings) -> Connection:
    """Return how this process talks to the cluster of the settings."""
    kafka = settings.kafka
    return Connection(
        kafka.client.properties,
        prefix=kafka.defaults.topic_prefix,
        instance_id=kafka.client.instance_id,
        message_bytes=kafka.message_bytes,
        state_folder=settings.engine.state.path if settings.engine.state.type == "disk" else None,
        consumer_properties=kafka.defaults.consumer.properties,
        producer_properties=kafka.defaults.producer.properties,
    )


def topic_layout(settings: Settings, groups: Sequence[str] = ()) -> TopicLayout:
    """Return what the settings say about topics."""
    defaults = settings.kafka.defaults
    overrides = {}
    for topic in TOPICS:
        own = getattr(defaults.topics, topic.name)
        overrides[topic.name] = TopicOverride(own.partitions, own.replication_factor, _texts(own.properties))
    return TopicLayout(
        prefix=defaults.topic_prefix,
        partitions=defaults.topic.partitions,
        replication_factor=defaults.topic.replication_factor,
        properties=_texts(defaults.topic.properties),
        message_bytes=int({**settings.kafka.client.properties, **defaults.producer.properties}.get("message.max.bytes", MOST_BYTES)),
        overrides=overrides,
        worker_groups=groups,
    )


def _texts(properties: Mapping[str, object]) -> Mapping[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in properties.items()}


__all__ = ["BrokerTopics", "Plan", "Problem", "connection_of", "prepare_topics", "problems_left", "told_together"]
