"""Deletes jobs that are done from their topic, which has no limit of age: only what no worker needs any more goes, and nothing else."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

logger = logging.getLogger("kestra_stream.kafka.client")

_WORTH_WHILE = 100


class Trimmer:
    """Follows the commits of one owner.

    Args:
        properties: of the administrator.
        seconds: at most one deletion in so many.
    """

    def __init__(self, properties: Mapping[str, Any], seconds: float) -> None:
        self._properties = properties
        self._seconds = seconds
        self._next = time.monotonic() + seconds
        self._trimmed: dict[int, int] = {}
        self._due: dict[int, TopicPartition] = {}
        self._admin: AdminClient | None = None

    def committed(self, partitions: Sequence[TopicPartition]) -> None:
        """Offsets were committed: what lies before them may go. Never waits, and a failure does no harm: the next time takes all."""
        for found in partitions:
            if found.offset - self._trimmed.get(found.partition, 0) >= _WORTH_WHILE:
                self._due[found.partition] = TopicPartition(found.topic, found.partition, found.offset)
        if self._due and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._seconds
            self._delete(list(self._due.values()))
            self._trimmed.update((number, found.offset) for number, found in self._due.items())
            self._due.clear()

    def _delete(self, before: list[TopicPartition]) -> None:
        try:
            if self._admin is None:
                self._admin = AdminClient(dict(self._properties), logger=logger)
            for deleted in self._admin.delete_records(before).values():
                deleted.add_done_callback(_note)
        except KafkaException as error:
            logger.warning("Jobs that are done are not deleted: %s", error)


def _note(deleted: Any) -> None:
    error = deleted.exception()
    if error is not None:
        logger.warning("Jobs that are done are not deleted (it takes the right DELETE on the topic): %s", error)
