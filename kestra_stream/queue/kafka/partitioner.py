"""Where a key lives: as Kafka's own clients choose it by default (murmur2), so that anybody's producer agrees with ours."""

from confluent_kafka import murmur2


def partition_of(key: bytes, count: int) -> int:
    """Return the partition of a key in a topic with so many partitions."""
    return murmur2(key, count)
