"""How the table of topics is laid out on a broker: names, partitions, replicas and settings of each topic that must be there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from kestra_stream.errors import Invalid
from kestra_stream.topics import TOPICS, WORKER_JOB, Cleanup, Topic

PREFIX = "kestra_"
SAFE_REPLICAS = 3
_LEGAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_LONGEST_NAME = 249

_EVERY = MappingProxyType({"message.timestamp.type": "LogAppendTime"})
# A restore reads what is not compacted yet: small segments, early cleaning. Tombstones outlive the longest restore.
_STATE = MappingProxyType(
    {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.1",
        "segment.bytes": str(32 * 1024 * 1024),
        "segment.ms": "600000",
        "delete.retention.ms": "3600000",
    }
)


def _aged(days: int) -> Mapping[str, str]:
    return MappingProxyType({"cleanup.policy": "delete", "retention.ms": str(timedelta(days=days) // timedelta(milliseconds=1))})


KEPT: Mapping[Cleanup, Mapping[str, str]] = {
    Cleanup.DELETE: _aged(7),
    Cleanup.TAKEN: MappingProxyType({"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}),
    Cleanup.LONG: _aged(365),
    Cleanup.COMPACT: _STATE,
    Cleanup.FOREVER: MappingProxyType({"cleanup.policy": "compact"}),
}


@dataclass(frozen=True, slots=True)
class TopicOverride:
    """What the settings say about one topic of the table: its number of partitions, replicas and settings of the broker."""

    partitions: int | None = None
    replication_factor: int | None = None
    properties: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class TopicLayout:
    """What the settings say about all topics.

    Attributes:
        partitions: of each topic that has more than one; None for what the table says.
        replication_factor: None for the broker's default.
        properties: settings of every topic on the broker.
        message_bytes: the largest record that this system sends.
        overrides: by the table's name of the topic.
        worker_groups: groups whose jobs have a topic of their own.
    """

    prefix: str = PREFIX
    partitions: int | None = None
    replication_factor: int | None = None
    properties: Mapping[str, str] = field(default_factory=dict[str, str])
    message_bytes: int = 1_000_000
    overrides: Mapping[str, TopicOverride] = field(default_factory=dict[str, TopicOverride])
    worker_groups: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse what no broker would take, and names that the table does not have."""
        known = {topic.name for topic in TOPICS}
        if unknown := sorted(name for name in self.overrides if name.removeprefix(f"{WORKER_JOB.name}.") == name and name not in known):
            raise Invalid(f"kestra.kafka.defaults.topics names `{unknown[0]}`, but the topics are {', '.join(sorted(known))}")
        settings = ("kestra.kafka.defaults.topic-prefix", *["kestra.worker.group (-g)"] * len(self.worker_groups))
        for setting, name in zip(settings, (self.prefix, *self.worker_groups), strict=True):
            if illegal := sorted(set(name) - _LEGAL):
                part = f"{setting}: `{name}` cannot be a part of a topic's name"
                raise Invalid(f"{part} because of {illegal[0]!r}: letters, digits, `.`, `_` and `-` can")


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """One topic as it must be on the broker.

    Attributes:
        name: with the prefix.
        topic: its row in the table.
        beside: name of the input topic that must not have more partitions than this one.
        can_grow: its keys may move, so that partitions can be added.
    """

    name: str
    topic: Topic
    partitions: int
    replication_factor: int | None
    properties: Mapping[str, str]
    beside: str | None = None
    can_grow: bool = False


def topic_name(layout: TopicLayout, topic: Topic) -> str:
    """Return the name of a topic on the broker."""
    return f"{layout.prefix}{topic.name}"


def job_topic_name(layout: TopicLayout, group: str | None) -> str:
    """Return the name on the broker of the topic with a worker group's jobs; None is for jobs without a group.

    Raises:
        Invalid: the group's name cannot be a part of a topic's name.
    """
    name = topic_name(layout, WORKER_JOB)
    if group is None:
        return name
    if not group or set(group) - _LEGAL or len(name) + 1 + len(group) > _LONGEST_NAME:
        raise Invalid(f"worker group `{group}` cannot have a topic: only letters, digits, `.`, `_` and `-` can be in its name")
    return f"{name}.{group}"


def wanted_topics(layout: TopicLayout, topics: Sequence[Topic] = TOPICS) -> tuple[WantedTopic, ...]:
    """Return all topics that must be there, in the order of the table."""
    wanted = [_wanted(layout, topic, topic_name(layout, topic), topic.name) for topic in topics]
    if WORKER_JOB in topics:
        wanted += [
            _wanted(layout, WORKER_JOB, job_topic_name(layout, group), f"{WORKER_JOB.name}.{group}") for group in layout.worker_groups
        ]
    return tuple(wanted)


def _wanted(layout: TopicLayout, topic: Topic, name: str, key: str) -> WantedTopic:
    own = layout.overrides.get(key) or layout.overrides.get(topic.name) or TopicOverride()
    beside = topic.beside
    if beside is not None and own.partitions is None:
        partitions = _partitions(layout, beside, layout.overrides.get(beside.name) or TopicOverride())
    else:
        partitions = _partitions(layout, topic, own)
    replicas = own.replication_factor or layout.replication_factor
    properties = {**_EVERY, **KEPT[topic.cleanup], **_durable(replicas), **layout.properties, **own.properties}
    return WantedTopic(
        name, topic, partitions, replicas, properties, topic_name(layout, beside) if beside else None, can_grow=topic is WORKER_JOB
    )


def _partitions(layout: TopicLayout, topic: Topic, own: TopicOverride) -> int:
    """What is said of the topic itself comes first; a topic of one partition is read as a whole, and no default splits it."""
    if own.partitions is not None:
        return own.partitions
    return topic.partitions if topic.partitions == 1 or layout.partitions is None else layout.partitions


def _durable(replicas: int | None) -> Mapping[str, str]:
    """With three replicas one may be lost while work goes on, and nothing that was acknowledged with it."""
    return {"min.insync.replicas": "2"} if replicas is not None and replicas >= SAFE_REPLICAS else {}
