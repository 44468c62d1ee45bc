"""Which right a client lacks: a refused transaction does not tell which of its topics it was refused for, so the broker is asked."""

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

_REQUEST = 5.0
Right = tuple[str, str]
"""A topic by its name on the broker, and an operation: Read, Write."""


def missing_right(admin: AdminClient, wanted: Sequence[Right]) -> Right | None:
    """Return the first of these rights that the client does not have; None when it has all, or nobody answers."""
    names = TopicCollection(sorted({topic for topic, _ in wanted}))
    answers = admin.describe_topics(names, include_authorized_operations=True, request_timeout=_REQUEST)
    allowed: dict[str, frozenset[str]] = {}
    for topic, answer in answers.items():
        try:
            allowed[topic] = frozenset(operation.name for operation in answer.result(_REQUEST + 1).authorized_operations or ())
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
                return None
            allowed[topic] = frozenset()
        except TimeoutError:
            return None
    return next((right for right in wanted if right[1].upper() not in allowed[right[0]]), None)
