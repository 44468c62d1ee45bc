"""Dead letters: one for each record that was given up; put back byte for byte and once, edited or discarded by one person at a time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from kestra_stream.errors import Invalid, NotFound, Unavailable
from kestra_stream.models.execution_input import Kill
from kestra_stream.models.messages import DeadLetterMark, LetterState
from kestra_stream.queue.interface import Outgoing, Raw, Record, TopicPartition, Unreadable
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.queue.serde import HEADERS, decode, to_bytes
from kestra_stream.runtime.dead_letters import Failure, letter_without_record, letters_of
from kestra_stream.testing.clock import ManualClock
from kestra_stream.topics import DEAD_LETTER, DEAD_LETTER_MARK, EXECUTION_INBOX, FLOW, Topic
from kestra_stream.webserver.letters.desk import Desk
from kestra_stream.webserver.letters.letter import Filter, Letter, read_letters, read_marks, read_records

OPEN, REDRIVEN, DISCARDED = LetterState.OPEN, LetterState.REDRIVEN, LetterState.DISCARDED
TRACE = (("trace", b"\xff"), ("none", None))
BIG = bytes(range(256)) * 4000


class Office:
    """A log with dead letters in it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = MemoryLog(self.clock.now)

    def bury(self, raw: Raw, offset: int = 7, component: str = "executor", topic: Topic = EXECUTION_INBOX) -> str:
        """Have a record given up; return the letter's id."""
        key, value = decode(topic, raw.payload, raw.key, raw.headers)
        record = Record(topic.name, 3, offset, key, value, self.clock.now(), raw.payload, raw.headers)
        error = value.error if isinstance(value, Unreadable) else "ValueError: no"
        self.log.send(letters_of(record, Failure(component, error), self.clock.now(), lambda _: b""))
        return f"{topic.name}/3/{offset}"

    def desk(self, patience: float = 10) -> Desk:
        """Return a desk to sit at."""
        return Desk(self.log, self.clock.now, patience)

    def letters(self) -> dict[str, Letter]:
        """Return all letters."""
        return read_letters(self.log, read_marks(self.log))

    def sent(self, topic: Topic = EXECUTION_INBOX) -> list[Record]:
        """Return what lies on a topic."""
        return [record for records in self.log.reader((topic,)).catch_up() for record in records]


@pytest.fixture
def office() -> Iterator[Office]:
    office = Office()
    yield office
    office.log.close()


# -- reading -----------------------------------------------------------------------------------------------------------


def test_a_letter_is_named_by_its_origin_and_tells_who_gave_it_up(office: Office) -> None:
    name = office.bury(Raw(b"{", b"id", TRACE))
    office.bury(Raw(b"{", b"id", TRACE), component="audit")
    (letter,) = office.letters().values()
    assert (letter.id, letter.components, letter.size, letter.held, letter.state) == (name, ("executor", "audit"), 1, True, OPEN)
    assert letter.letter.payload is None


@pytest.mark.parametrize("raw", [Raw(b"{", b"id", TRACE), Raw(None, None), Raw(BIG, b"\xff", TRACE)], ids=["small", "nothing", "big"])
def test_the_record_of_a_letter_is_whole(office: Office, raw: Raw) -> None:
    name = office.bury(raw)
    office.bury(Raw(b"other", b"id"), offset=8)
    letters = office.letters()
    ((letter, found),) = read_records(office.log, {name: letters[name]})
    assert letter.id == name
    assert (found.payload, found.key, tuple(found.headers), found.partition) == (raw.payload, raw.key, tuple(raw.headers), 3)


def test_what_lies_among_the_letters_and_is_none_is_shown_as_one(office: Office) -> None:
    office.log.send((Outgoing(DEAD_LETTER, "", Raw(b"garbage", b"key")),))
    name = office.bury(Raw(b"{", b"id"))
    letters = office.letters()
    assert list(letters) == ["dead_letter/0/0", name]
    assert "Invalid JSON" in letters["dead_letter/0/0"].letter.error
    with office.desk() as desk:
        with pytest.raises(Invalid, match="cannot be redriven"):
            desk.redrive(["dead_letter/0/0"])
        assert desk.discard(["dead_letter/0/0"]) == {"dead_letter/0/0": DISCARDED}


def test_letters_are_found_by_topic_time_error_and_state(office: Office) -> None:
    first = office.bury(Raw(b"{", b"id"))
    between = office.clock.now() + timedelta(seconds=1)
    office.clock.advance(timedelta(seconds=2))
    second = office.bury(Raw(None, b"id"), topic=EXECUTION_INBOX, offset=9)
    third = office.bury(Raw(b"[]", b"id"), topic=FLOW)
    with office.desk() as desk:
        desk.discard([third])
    letters = office.letters().values()

    def found(wanted: Filter) -> list[str]:
        return [letter.id for letter in letters if wanted.takes(letter)]

    assert found(Filter()) == [first, second, third]
    assert found(Filter(topic="flow")) == [third]
    assert found(Filter(until=between)) == [first]
    assert found(Filter(since=between)) == [second, third]
    assert found(Filter(error="NO VALUE")) == [second]
    assert found(Filter(states=(OPEN,))) == [first, second]


# -- redriving ---------------------------------------------------------------------------------------------------------


def test_a_redriven_record_lies_where_it_came_from_as_it_was(office: Office) -> None:
    raw = Raw(b' {"kind":"kill"} ', b"any id", (*HEADERS, *TRACE))
    name = office.bury(raw)
    office.clock.advance(timedelta(hours=1))
    with office.desk() as desk:
        assert desk.redrive([name]) == {name: REDRIVEN}
    (record,) = office.sent()
    assert (record.partition, record.key, record.value, record.timestamp) == (3, "any id", Kill(), office.clock.now())
    assert (record.payload, tuple(record.headers)) == (raw.payload, raw.headers)
    letter = office.letters()[name]
    assert (letter.state, letter.changed_at) == (REDRIVEN, office.clock.now())


def test_what_was_redriven_or_discarded_is_not_redriven_again(office: Office) -> None:
    first, second = office.bury(Raw(b"{", b"id")), office.bury(Raw(b"{", b"id"), offset=8)
    with office.desk() as desk:
        desk.redrive([first])
        assert desk.redrive([first, first]) == {}
        desk.discard([second, first])
    with office.desk() as desk:
        assert desk.redrive([first, second]) == {}
        assert desk.discard([first, second]) == {}
    assert len(office.sent()) == 1
    assert {name: letter.state for name, letter in office.letters().items()} == {first: REDRIVEN, second: DISCARDED}


def test_many_letters_are_redriven_in_their_order(office: Office) -> None:
    names = [office.bury(Raw(b"%d" % number, b"id"), offset=number) for number in range(450)]
    with office.desk() as desk:
        assert list(desk.redrive(names[::-1])) == names
    assert [record.payload for record in office.sent()] == [b"%d" % number for number in range(450)]


def test_a_letter_that_is_not_there_is_named(office: Office) -> None:
    with office.desk() as desk, pytest.raises(NotFound, match="no dead letter log/1/2"):
        desk.redrive(["log/1/2"])


def test_a_letter_without_its_record_is_not_redriven(office: Office) -> None:
    record = Record("log", 0, 5, "key", Unreadable(b"x", "why", b"key"), office.clock.now())
    office.log.send(letter_without_record(record, Failure("indexer", "why"), office.clock.now()))
    with office.desk() as desk:
        with pytest.raises(NotFound, match="it stays at log/0/5"):
            desk.redrive(["log/0/5"])
        assert desk.discard(["log/0/5"]) == {"log/0/5": DISCARDED}


def test_a_record_of_a_topic_that_is_not_of_this_version_is_refused(office: Office) -> None:
    record = Record("trigger", 0, 5, "key", Unreadable(b"x", "why", b"key"), datetime(2030, 1, 1, tzinfo=UTC))
    office.log.send(letters_of(record, Failure("scheduler", "why"), office.clock.now(), lambda _: b""))
    with office.desk() as desk, pytest.raises(Invalid, match="a record of `trigger` cannot be redriven"):
        desk.redrive(["trigger/0/5"])


# -- two at the desk ---------------------------------------------------------------------------------------------------


def test_who_comes_second_waits_and_redrives_nothing_twice(office: Office) -> None:
    names = [office.bury(Raw(b"%d" % number, b"id"), offset=number) for number in range(30)]

    def redrive(order: Callable[[list[str]], list[str]]) -> list[str]:
        done: list[str] = []
        with office.desk() as desk:
            for name in order(names):
                done += desk.redrive([name])
        return done

    with ThreadPoolExecutor(3) as pool:
        done = [name for result in pool.map(redrive, [list, lambda all_: all_[::-1], list]) for name in result]
    assert sorted(done) == sorted(names)
    assert len(office.sent()) == 30


def test_who_was_pushed_from_the_desk_knows_what_was_done_meanwhile(office: Office) -> None:
    first, second = office.bury(Raw(b"{", b"id")), office.bury(Raw(b"{", b"id"), offset=8)
    slow = office.desk()
    slow.letters()
    place = frozenset({TopicPartition(DEAD_LETTER_MARK.name, 0)})
    # the broker takes the place from a process that hangs, gives it to another one, and back
    slow.revoked(place)
    office.log.send((Outgoing(DEAD_LETTER_MARK, first, DeadLetterMark(first, REDRIVEN, office.clock.now())),))
    slow.assigned(place, {})
    assert slow.redrive([first, second]) == {second: REDRIVEN}
    slow.close()


def test_a_place_that_stays_taken_is_given_up_with_a_word(office: Office) -> None:
    name = office.bury(Raw(b"{", b"id"))
    with office.desk() as first:
        first.letters()
        with office.desk(patience=0.2) as second, pytest.raises(Unavailable, match="another process changes dead letters"):
            second.discard([name])


# -- editing -----------------------------------------------------------------------------------------------------------


def test_an_edited_record_goes_its_way_in_place_of_the_old_one(office: Office) -> None:
    name = office.bury(Raw(b'{"kind":"kil"}', b"id", (("schema", b"2"), *TRACE)))
    with office.desk() as desk:
        desk.edit(name, to_bytes(Kill(cascade=False)))
        assert office.letters()[name].letter.edition == 1
        desk.redrive([name])
    (record,) = office.sent()
    assert (record.value, record.partition, tuple(record.headers)) == (Kill(cascade=False), 3, (*TRACE, *HEADERS))


def test_the_last_edit_counts(office: Office) -> None:
    name = office.bury(Raw(b"{", b"id"))
    with office.desk() as desk:
        desk.edit(name, to_bytes(Kill(cascade=False)))
        desk.edit(name, to_bytes(Kill()))
        desk.redrive([name])
    assert [record.value for record in office.sent()] == [Kill()]


def test_an_edit_that_does_not_fit_names_the_place_and_stores_nothing(office: Office) -> None:
    name = office.bury(Raw(b"{", b"id"))
    with office.desk() as desk:
        with pytest.raises(Invalid, match=r"resume\.inputs"):
            desk.edit(name, b'{"kind":"resume","inputs":3}')
        with pytest.raises(Invalid, match="no value"):
            desk.edit(name, None)
    assert office.letters()[name].letter.edition == 0


def test_bytes_may_be_edited_as_they_are(office: Office) -> None:
    name = office.bury(Raw(b"{", b"id", TRACE))
    with office.desk() as desk:
        desk.edit(name, BIG, raw=True)
        desk.redrive([name])
    (record,) = office.sent()
    assert (record.payload, tuple(record.headers)) == (BIG, TRACE)


def test_a_record_without_a_key_is_healed_by_one_and_goes_where_that_belongs(office: Office) -> None:
    name = office.bury(Raw(to_bytes(Kill()), None, HEADERS))
    with office.desk() as desk:
        with pytest.raises(Invalid, match="it has no key"):
            desk.edit(name, to_bytes(Kill()))
        desk.edit(name, to_bytes(Kill()), b"id")
        desk.redrive([name])
    office.log.send((Outgoing(EXECUTION_INBOX, "id", Kill()),))
    first, second = office.sent()
    assert (first.key, first.value, first.partition) == (second.key, second.value, second.partition)


def test_what_is_done_with_is_not_edited(office: Office) -> None:
    name = office.bury(Raw(b"{", b"id"))
    with office.desk() as desk:
        desk.discard([name])
        with pytest.raises(Invalid, match="was discarded already"):
            desk.edit(name, to_bytes(Kill()))
