"""What Kafka's clients say -> what the runtime does about it.

Fenced      partitions of this member are another's by now: the batch is void, the member comes back with its next poll
Replaced    another process lives under this one's identity (static membership): the process stops
Unavailable the broker is away, or an aborted transaction: the same work is done again
NotAllowed  a right is missing: the same, as soon as somebody gives it
Invalid     a record that no broker takes: it goes to the dead letters
Fatal       the broker refuses this client for good: the process stops
"""

from dataclasses import dataclass

from confluent_kafka import KafkaError

from kestra_stream.errors import Fatal, Fenced, Invalid, KestraError, NotAllowed, Replaced, Unavailable

E = KafkaError
GROUP_LEFT = frozenset(
    {E.UNKNOWN_MEMBER_ID, E.ILLEGAL_GENERATION, E.REBALANCE_IN_PROGRESS, E.STALE_MEMBER_EPOCH, E.FENCED_MEMBER_EPOCH, E._ASSIGNMENT_LOST}  # noqa: SLF001 - names of codes
)
REPLACED = frozenset({E.FENCED_INSTANCE_ID, E.UNRELEASED_INSTANCE_ID})
# A topic that is gone, or was made again with fewer partitions.
GONE = frozenset({E.UNKNOWN_TOPIC_OR_PART, E.UNKNOWN_TOPIC_ID, E._UNKNOWN_PARTITION, E._UNKNOWN_TOPIC, E.INCONSISTENT_TOPIC_ID})  # noqa: SLF001 - codes
# A topic that was just made, or whose leader has just moved, is unknown to some for a moment.
NOT_READY = frozenset(
    {
        E.UNKNOWN_TOPIC_OR_PART,
        E.UNKNOWN_TOPIC_ID,
        E.NOT_LEADER_FOR_PARTITION,
        E.LEADER_NOT_AVAILABLE,
        E.FENCED_LEADER_EPOCH,
        E.UNKNOWN_LEADER_EPOCH,
        E._NOENT,  # noqa: SLF001 - a code
        E._TIMED_OUT,  # noqa: SLF001 - a code
        E._TRANSPORT,  # noqa: SLF001 - a code
    }
)
TOO_LARGE = frozenset({E.MSG_SIZE_TOO_LARGE, E.RECORD_LIST_TOO_LARGE})
UNFIT = frozenset({E.INVALID_RECORD, E.INVALID_MSG})
FORBIDDEN = (
    E.TOPIC_AUTHORIZATION_FAILED,
    E.GROUP_AUTHORIZATION_FAILED,
    E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    E.CLUSTER_AUTHORIZATION_FAILED,
)
TOO_OLD = frozenset({E.UNSUPPORTED_VERSION, E._UNSUPPORTED_FEATURE})  # noqa: SLF001 - a code


@dataclass(frozen=True, slots=True)
class Needs:
    """Which rights a request takes, for whoever has to give them.

    Attributes:
        topic, group, transactional_id: what it is about, by the names on the broker.
        operation: on the topic.
    """

    topic: str = "all of this prefix"
    operation: str = "Read"
    group: str = "all of this prefix"
    transactional_id: str = "all of this prefix"

    def right(self, code: int) -> str:
        """Return the right that is missing, by what the broker answers."""
        match code:
            case E.TOPIC_AUTHORIZATION_FAILED:
                return f"{self.operation} on the topic {self.topic}"
            case E.GROUP_AUTHORIZATION_FAILED:
                return f"Read on the consumer group {self.group}"
            case E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
                return f"Write on the transactional id {self.transactional_id}"
            case _:
                return "IdempotentWrite on the cluster"


_NEEDS = Needs()


def is_final(error: KafkaError) -> bool:
    """Whether a client that hears this will never read again; one that has met it before hears only that, not what it was."""
    return error.fatal() or error.code() in {E._FATAL, *REPLACED, *TOO_OLD}  # noqa: SLF001 - a code


def _meant(error: KafkaError) -> int:
    """Return the code of what is wrong; a client that has ended by a missing right, or by another one like it, tells that in words only."""
    if error.code() != E._FATAL:  # noqa: SLF001 - a code
        return error.code()
    return next((code for code in (*FORBIDDEN, *REPLACED) if E(code).str() in error.str()), E._FATAL)  # noqa: SLF001 - a code


def forbidden(error: KafkaError) -> int | None:
    """Return the code of a right that is missing; None for anything else."""
    code = _meant(error)
    return code if code in FORBIDDEN else None


def wants_a_new_client(error: KafkaError) -> bool:
    """Whether a consumer that lacks a right does not come back by itself: it has ended, or gives up its group after a try or two."""
    return forbidden(error) is not None and (is_final(error) or error.code() == E.GROUP_AUTHORIZATION_FAILED)


def told(error: KafkaError, action: str, needs: Needs = _NEEDS) -> KestraError:
    """Return our error for one of the client's; `action` is what could not be done, and `needs` what it takes the right for."""
    code, text = _meant(error), f"{action}: {error.str()}"
    if code in FORBIDDEN:
        return NotAllowed(f"{text}: this user needs the right {needs.right(code)}; once it has it, work goes on")
    if code in GROUP_LEFT:
        return Fenced(text)
    if code in REPLACED:
        return Replaced(f"{text}: another process has this one's kestra.kafka.client.instance-id; give each its own")
    if code in TOO_LARGE:
        return Invalid(f"{text}; raise `max.message.bytes` of the topic, or lower kestra.kafka.message-bytes")
    if code in UNFIT:
        return Invalid(f"{text}; the topic takes no such record")
    if code in TOO_OLD:
        return Fatal(f"{text}; the broker is too old for kestra.kafka.client.properties")
    return Fatal(text) if code == E._FATAL else Unavailable(text)  # noqa: SLF001 - a code


def is_unreleased(error: KafkaError) -> bool:
    """Whether an earlier process of the same instance id is a member as yet, as far as the broker knows (protocol `consumer` only)."""
    return _meant(error) == E.UNRELEASED_INSTANCE_ID


def ended(error: KafkaError, action: str, needs: Needs = _NEEDS) -> KestraError | None:
    """Return our error for what a consumer has read in place of a record; None for one that passes by itself.

    A consumer that has ended for good tells why in words only.
    """
    if forbidden(error) is not None:
        return told(error, action, needs)
    if is_final(error):
        reason = told(error, action, needs)
        return reason if isinstance(reason, Fatal) else Fatal(str(reason))
    return None
