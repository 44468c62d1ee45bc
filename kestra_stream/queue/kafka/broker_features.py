"""What a broker must be able to do for what is configured."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum


class Feature(StrEnum):
    """Something that not every broker can do."""

    CONSUMER_PROTOCOL = "the group protocol `consumer`"
    SHARE_GROUPS = "share groups"


_REMEDIES: Mapping[Feature, str] = {
    Feature.CONSUMER_PROTOCOL: "it needs Kafka 4.0 or newer, with `consumer` in group.coordinator.rebalance.protocols; "
    "or set group.protocol to `classic` in kestra.kafka.client.properties",
    Feature.SHARE_GROUPS: "they need Kafka 4.2 or newer; or set kestra.kafka.work-queue.type to `consumer-group`",
}


def missing_features(broker: Mapping[str, str], needed: Iterable[Feature]) -> Iterator[str]:
    """Say which of the needed features a broker lacks, by its properties, and what to do."""
    for feature in needed:
        if not _has(broker, feature):
            yield f"the broker does not know {feature}: {_REMEDIES[feature]}"


def needed_features(properties: Mapping[str, object]) -> frozenset[Feature]:
    """Return what the properties of a client ask for."""
    return frozenset({Feature.CONSUMER_PROTOCOL} if str(properties.get("group.protocol", "classic")).lower() == "consumer" else ())


def _has(broker: Mapping[str, str], feature: Feature) -> bool:
    match feature:
        case Feature.CONSUMER_PROTOCOL:
            return "consumer" in broker.get("group.coordinator.rebalance.protocols", "").split(",")
        case Feature.SHARE_GROUPS:
            return "group.share.record.lock.duration.ms" in broker
