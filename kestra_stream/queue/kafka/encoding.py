"""Outgoing record -> what a producer is given; a consumer's message -> record. A value that is too big for a message travels as a claim."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from kestra_stream.errors import Invalid, InvalidUri, NotFound
from kestra_stream.queue.interface import Headers, Outgoing, Record, Unreadable
from kestra_stream.queue.serde import HEADERS, decode, encode
from kestra_stream.topics import WORKER_JOB, Topic, job_topic

CLAIM = "claim"
FILLER = "filler"
FILLER_HEADERS: Headers = [(FILLER, b"")]
_USUAL = list(HEADERS)


class Payloads(Protocol):
    """Where values lie that are too big for a message."""

    def deposit(self, content: bytes, topic: str) -> str:
        """Store a value of a record of a topic; return the claim to it.

        Raises:
            Unavailable: the storage does not take it now.
        """
        ...

    def redeem(self, claim: str) -> bytes:
        """Return a stored value.

        Raises:
            NotFound: it is gone.
            InvalidUri: the claim names something else.
            Unavailable: the storage does not give it now.
        """
        ...


class Encoded(NamedTuple):
    """One record as a producer is given it; without a partition its key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int | None = None


class Encoding:
    """Turns records into bytes and back.

    Args:
        name: of a topic on the broker.
        most_bytes: a value that is larger is stored, and its claim travels.
        payloads: None where nothing can be stored; then a value that is too big is refused.
    """

    def __init__(self, name: Callable[[Topic], str], most_bytes: int, payloads: Payloads | None) -> None:
        self._name = name
        self._most_bytes = most_bytes
        self._payloads = payloads

    def outgoing(self, records: Iterable[Outgoing]) -> list[Encoded]:
        """Encode records.

        Raises:
            Invalid: a key is no text, or a value can not be written.
        """
        encoded: list[Encoded] = []
        for topic, key, value in records:
            record = encode(key, value)
            name = self._name(topic if topic is not WORKER_JOB else job_topic(getattr(value, "worker_group", None)))
            encoded.append(self.fitting(Encoded(name, *record)))
        return encoded

    def fitting(self, record: Encoded) -> Encoded:
        """Return a record as it travels: a value that is too big goes to the storage."""
        value = record.value
        if value is None or len(value) <= self._most_bytes:
            return record
        if self._payloads is None:
            raise Invalid(f"a record of {len(value)} bytes is too big for {record.topic}, and there is no storage for it")
        claim = (CLAIM, self._payloads.deposit(value, record.topic).encode())
        return Encoded(record.topic, record.key, b"{}", [*record.headers, claim], record.partition)

    def content(self, message: Any) -> tuple[bytes | None, Headers]:
        """Return the bytes of a message's value, from the storage if they lie there, and its headers. Raises as `Payloads.redeem`."""
        headers: Headers = message.headers() or []
        value: bytes | None = message.value()
        if headers == _USUAL or self._payloads is None:
            return value, headers
        claim = claim_of(headers)
        if claim is None:
            return value, headers
        return self._payloads.redeem(claim), [header for header in headers if header[0] != CLAIM]

    def records(self, topics: Mapping[str, Topic], messages: Iterable[Any]) -> list[Record]:
        """Decode messages, but for fillers; a value that can not be read becomes an `Unreadable`."""
        return [self.record(topics[message.topic()], message) for message in messages if message.key() != b"" or not is_filler(message)]

    def record(self, topic: Topic, message: Any) -> Record:
        """Decode one message; whoever cannot (Unavailable: the storage is away) asks again with the same message."""
        timestamp = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
        key: bytes | None = message.key()
        try:
            payload, headers = self.content(message)
        except (NotFound, InvalidUri) as error:
            why = f"its value lay in the storage and is gone: {error}" if isinstance(error, NotFound) else str(error)
            unreadable = Unreadable(message.value(), why, key, tuple(message.headers() or ()))
            text = "" if key is None else key.decode("utf-8", "backslashreplace")
            return Record(topic.name, message.partition(), message.offset(), text, unreadable, timestamp)
        text, value = decode(topic, payload, key, headers)
        usual = message.headers()
        claim = None if usual == _USUAL else claim_of(usual or ())
        return Record(topic.name, message.partition(), message.offset(), text, value, timestamp, payload, headers, claim)


def claim_of(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """Return the claim that a message carries instead of its value."""
    claim = next((text for name, text in headers if name == CLAIM), None)
    return None if claim is None else claim.decode("utf-8", "replace")


def is_filler(message: Any) -> bool:
    """Whether a message says nothing: it has an empty key, no value, and was written to end a transaction (`transactions/leftovers`)."""
    return not message.key() and message.value() is None and any(name == FILLER for name, _ in message.headers() or ())
