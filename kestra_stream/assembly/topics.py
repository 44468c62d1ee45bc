"""Topics on the broker: settings in; a plan, the work done, and what is there out."""

from collections.abc import Mapping, Sequence

from kestra_stream.errors import Invalid
from kestra_stream.queue.kafka.admin import TopicAdmin, ensure_topics
from kestra_stream.queue.kafka.broker_features import missing_features, needed_features
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
        own = (settings.worker.group,) if settings.worker.group else ()
        self.layout = topic_layout(settings, tuple(dict.fromkeys((*own, *groups))))
        self._admin = TopicAdmin(settings.kafka.client.properties, settings.kafka.client.start_timeout.total_seconds())
        self._needed = needed_features({**settings.kafka.client.properties, **settings.kafka.defaults.consumer.properties})

    def plan(self) -> Plan:
        """Compare what is there with what must be there."""
        return self._admin.plan(self.layout)

    def create(self, *, alter: bool) -> tuple[Plan, Sequence[Problem]]:
        """Do what can be done; return what it was, and what is still wrong."""
        plan = self.plan()
        self._admin.apply(plan, alter=alter)
        return plan, self.plan().problems

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
    patience = settings.kafka.client.start_timeout.total_seconds()
    ensure_topics(settings.kafka.client.properties, topics.layout, create=made.create, alter=made.alter, patience=patience)


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
        message_bytes=int(settings.kafka.client.properties.get("message.max.bytes", MOST_BYTES)),
        overrides=overrides,
        worker_groups=groups,
    )


def _texts(properties: Mapping[str, object]) -> Mapping[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in properties.items()}


__all__ = ["BrokerTopics", "Plan", "Problem", "prepare_topics", "problems_left", "told_together"]
