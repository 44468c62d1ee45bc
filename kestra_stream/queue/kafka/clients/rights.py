"""Which right a client lacks: a refused transaction does not tell which of its topics it was refused for, so the broker is asked."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

_REQUEST = 5.0
Right = tuple[str, str]
"""A topic by its name on the broker, and an operation: Read, Write."""


class Rights:
    """What this client may do.

    Args:
        admin: asks the broker.
    """

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def missing(self, wanted: Sequence[Right]) -> Right | None:
        """Return the first of these rights that the client does not have; None when it has all, or nobody answers."""
        allowed = _allowed(self._admin, {topic for topic, _ in wanted})
        return None if allowed is None else next((right for right in wanted if right[1].upper() not in allowed[right[0]]), None)

    def writable(self, topics: Iterable[str]) -> Sequence[str]:
        """Return the topics that the client may write to; all of them when nobody answers."""
        allowed = _allowed(self._admin, topics := sorted(topics))
        return topics if allowed is None else [topic for topic in topics if "WRITE" in allowed[topic]]


def _allowed(admin: AdminClient, topics: Iterable[str]) -> Mapping[str, AbstractSet[str]] | None:
    """Return what the client may do with each topic; None when nobody answers."""
    names = TopicCollection(sorted(topics))
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
    return allowed
