"""Dead letters on a real broker: whatever lies on a topic is kept byte for byte, put back once, and processed as if nothing had been."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Producer

from kestra_stream.limiter.processor import Limiter
from kestra_stream.models.messages import AcquireSlot, LetterState
from kestra_stream.models.state import StateType
from kestra_stream.queue.interface import Raw
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.queue.serde import HEADERS, to_bytes
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.loop import Loop
from kestra_stream.topics import EXECUTION_INBOX, LIMITER_INBOX, TOPICS
from kestra_stream.webserver.letters.desk import Desk
from kestra_stream.webserver.letters.letter import Letter, read_letters, read_marks, read_records
from tests.services.broker import Broker
from tests.services.process import wait_until

NOW = SystemClock().now
PARTITION = 3
GOOD = to_bytes(AcquireSlot("scope", "e1", 1, StateType.QUEUED))
FOREIGN = (("trace", b"\xff\x00"), ("none", None))
# Everything that a limiter cannot read: records of another system, or faults.
POISON = (
    Raw(bytes(range(256)), b"scope", FOREIGN),
    Raw(b"", b"scope"),
    Raw(None, b"scope", HEADERS),
    Raw(GOOD, None, HEADERS),
    Raw(GOOD, b"\xff\xfe", HEADERS),
    Raw(GOOD, b"another scope", HEADERS),
    Raw(b'{"kind":"explode"}', b"scope", HEADERS),
    Raw(b'{"kind":"acquire","scope":7}', b"scope", HEADERS),
    Raw(GOOD, b"scope", (("schema", b"2"),)),
    Raw(b"\x00\x00\x00\x00\x07\x02abc", b"scope"),
    Raw(b"[" * 100_000, b"scope", HEADERS),
    Raw(b"x" * 600_000, b"k" * 300_000, FOREIGN),
)


class Office:
    """A log on a broker, and a client of another system."""

    def __init__(self, kafka: Broker, prefix: str) -> None:
        self.prefix = prefix
        for topic in TOPICS:
            kafka.create_topic(f"{prefix}{topic.name}", partitions=min(topic.partitions, 4))
        self.connection = Connection(dict(kafka.client), prefix=prefix)
        self.log = KafkaLog(self.connection)
        self.producer = Producer(dict(kafka.client))
        self.loop = Loop(Limiter(), self.log, SystemClock(), lambda record: to_bytes(record.value))

    def produce(self, *records: Raw) -> None:
        """Write records as another system does."""
        for raw in records:
            headers: list[tuple[str, str | bytes | None]] = list(raw.headers)
            self.producer.produce(f"{self.prefix}limiter_inbox", raw.payload, raw.key, PARTITION, headers=headers)
        assert self.producer.flush(30) == 0

    def letters(self) -> dict[str, Letter]:
        """Return all letters."""
        return read_letters(self.log, read_marks(self.log))

    def records(self, letters: Mapping[str, Letter]) -> list[Raw]:
        """Return what letters hold."""
        return [Raw(raw.payload, raw.key, tuple(raw.headers)) for _, raw in read_records(self.log, letters)]

    def answers(self) -> list[str]:
        """Return to whom the limiter has answered."""
        return [record.key for records in self.log.reader((EXECUTION_INBOX,)).catch_up() for record in records]

    def process(self, letters: int) -> None:
        """Let the limiter work until it has given up so many records, and has nothing more to do."""

        def come() -> bool:
            return not self.loop.step(0.5) and self.loop.dead_letters == letters

        wait_until(come, 60, f"{letters} letters")

    def close(self) -> None:
        """Leave."""
        self.loop.stop()
        self.log.close()


@pytest.fixture
def office(kafka: Broker, prefix: str) -> Iterator[Office]:
    office = Office(kafka, prefix)
    yield office
    office.close()


def test_poison_of_every_kind_stops_nobody_and_is_kept_byte_for_byte(office: Office) -> None:
    office.produce(Raw(GOOD, b"scope", HEADERS), *POISON, Raw(GOOD, b"scope", HEADERS))
    office.process(len(POISON))
    assert office.answers() == ["e1", "e1"]
    letters = office.letters()
    assert office.records(letters) == list(POISON)


def test_what_is_redriven_lies_where_it_was_and_is_processed(office: Office) -> None:
    office.produce(Raw(GOOD, b"scope", (("schema", b"2"), *FOREIGN)), *POISON)
    office.process(len(POISON) + 1)
    first, *others = office.letters()
    with Desk(office.log, NOW) as desk:
        desk.edit(first, GOOD)
        assert desk.redrive([first, *others]) == dict.fromkeys([first, *others], LetterState.REDRIVEN)
        assert desk.redrive([first, *others]) == {}
    # what is still poison comes back as a letter of its own
    office.process(2 * len(POISON) + 1)
    assert office.answers() == ["e1"]
    again = {name: letter for name, letter in office.letters().items() if name not in {first, *others}}
    assert {letter.letter.partition for letter in again.values()} == {PARTITION}
    assert office.records(again) == list(POISON)


def test_several_who_redrive_at_once_put_each_record_back_once(office: Office, kafka: Broker) -> None:
    office.produce(*[Raw(b"%d" % number, b"scope", HEADERS) for number in range(40)])
    office.process(40)
    names = list(office.letters())

    def redrive(_: int) -> int:
        log = KafkaLog(office.connection)
        done = 0
        try:
            with Desk(log, NOW) as desk:
                for start in range(0, 40, 10):
                    done += len(desk.redrive(names[start : start + 10]))
        finally:
            log.close()
        return done

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(redrive, range(3))) == 40
    lying = [record for records in office.log.reader((LIMITER_INBOX,)).catch_up() for record in records]
    assert len(lying) == 80
