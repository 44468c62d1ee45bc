"""Poison on every topic: whoever reads it goes on, does what lies around it, and loses none of it."""

import pytest

from kestra_stream.cli.follow.follower import Follower
from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_input import Create, Kill
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.messages import AcquireSlot, LetterState, ServiceHeartbeat, ServiceState
from kestra_stream.models.state import State, StateType
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.plugin.registry import default_registry
from kestra_stream.queue.interface import Outgoing, Raw
from kestra_stream.queue.serde import HEADERS, to_bytes
from kestra_stream.runtime.flow_table import FlowTable
from kestra_stream.testing.driver import Driver
from kestra_stream.topics import (
    DEAD_LETTER,
    DEAD_LETTER_MARK,
    EXECUTION_EVENT,
    EXECUTION_INBOX,
    FLOW,
    LIMITER_INBOX,
    LOG,
    METRIC,
    SERVICE,
    TOPICS,
    WORKER_TALK,
    Cleanup,
    Topic,
)
from kestra_stream.webserver.letters.desk import Desk
from kestra_stream.webserver.letters.letter import read_letters, read_marks, read_records

FLOW_SOURCE = """
id: main
namespace: t.t
concurrency: {limit: 1}
tasks:
  - {id: value, type: io.kestra.plugin.core.output.OutputValues, values: {a: 1}}
  - {id: log, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.value.values.a }}"}
  - {id: pause, type: io.kestra.plugin.core.flow.Pause}
"""
FOREIGN = (("trace", b"\xff\x00"), ("none", None))
# Another system's bytes, wrong shapes, unknown kinds and versions, keys that are none, and depth.
POISON = (
    Raw(bytes(range(256)), b"key", FOREIGN),
    Raw(b"", b"key", HEADERS),
    Raw(b"\0\0\0\0\x07\x02abc", b"key"),
    Raw(b"\x0a\x04name\x10\x96\x01", b"key"),
    Raw(b"[]", b"key", HEADERS),
    Raw(b'"text"', b"key", HEADERS),
    Raw(b'{"kind":"explode"}', b"key", HEADERS),
    Raw(b'{"id":' + b"9" * 5_000 + b"}", b"key", HEADERS),
    Raw(b"[" * 100_000 + b"]" * 100_000, b"key", HEADERS),
    Raw(b'{"a":' * 10_000, b"key", HEADERS),
    Raw(b"{}", None, HEADERS),
    Raw(b"{}", b"\xff\xfe", HEADERS),
    Raw(b"{}", b"key", (("schema", b"2"),)),
    Raw(b"{}", b"key", (("schema", None),)),
    Raw(b"x", b"k" * 1_000_000, FOREIGN),
)
TOMBSTONE = Raw(None, b"key", HEADERS)
# Whoever reads these has no offsets to commit, or does not read them as records: there is nobody to write a letter.
UNREAD = {topic for topic in TOPICS if topic.beside is not None} | {DEAD_LETTER, DEAD_LETTER_MARK, WORKER_TALK}


def poison_of(topic: Topic) -> tuple[Raw, ...]:
    """Return what is poison on a topic, for one of its partitions."""
    kept_by_key = topic.cleanup in {Cleanup.COMPACT, Cleanup.FOREVER}
    return POISON if kept_by_key else (*POISON, TOMBSTONE)


def spread(driver: Driver, topic: Topic) -> None:
    """Put poison into two partitions of a topic, or into the only one."""
    for partition in range(min(topic.partitions, 2)):
        driver.log.send([Outgoing(topic, "", Raw(raw.payload, raw.key, raw.headers, partition)) for raw in poison_of(topic)])


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_poison_on_a_topic_stops_nobody_and_is_a_dead_letter_byte_for_byte(topic: Topic) -> None:
    driver = Driver(FLOW_SOURCE)
    spread(driver, topic)
    first, waiting, killed = (driver.create("main") for _ in range(3))
    for _ in range(20):
        driver.turn()
    spread(driver, topic)
    driver.settle()
    driver.kill(killed)
    driver.settle()
    spread(driver, topic)
    for execution_id in (first, waiting, first):
        driver.resume(execution_id)
        driver.settle()
    for execution_id, state in ((first, StateType.SUCCESS), (waiting, StateType.SUCCESS), (killed, StateType.KILLED)):
        assert driver.story(execution_id).state is state
    assert driver.story(first).states() == {"value": ["SUCCESS"], "log": ["SUCCESS"], "pause": ["SUCCESS"]}
    letters = {
        name: letter for name, letter in read_letters(driver.log, read_marks(driver.log)).items() if letter.letter.topic == topic.name
    }
    if topic not in UNREAD:
        expected = sorted(map(repr, poison_of(topic) * 3 * min(topic.partitions, 2)))
        found = [Raw(raw.payload, raw.key, tuple(raw.headers)) for _, raw in read_records(driver.log, letters)]
        assert sorted(map(repr, found)) == expected


def test_all_poison_may_be_redriven_and_comes_back_as_letters_of_its_own() -> None:
    driver = Driver(FLOW_SOURCE)
    topics = [topic for topic in TOPICS if topic not in UNREAD]
    for topic in topics:
        spread(driver, topic)
    driver.settle()
    before = read_letters(driver.log, read_marks(driver.log))
    with Desk(driver.log, driver.clock.now) as desk:
        desk.redrive(list(before))
    driver.settle()
    after = read_letters(driver.log, read_marks(driver.log))
    assert len(after) == 2 * len(before) == 2 * sum(len(poison_of(topic)) * min(topic.partitions, 2) for topic in topics)
    assert [letter.state for letter in after.values()].count(LetterState.REDRIVEN) == len(before)


def test_an_input_that_is_mended_and_redriven_changes_its_execution() -> None:
    driver = Driver(FLOW_SOURCE)
    execution_id = driver.create("main")
    driver.settle()
    driver.log.send((Outgoing(EXECUTION_INBOX, "", Raw(b'{"kind":"kil"}', execution_id.encode(), HEADERS)),))
    driver.settle()
    (name,) = read_letters(driver.log, {})
    with Desk(driver.log, driver.clock.now) as desk:
        desk.edit(name, to_bytes(Kill()))
        desk.redrive([name])
    driver.settle()
    assert driver.story(execution_id).state is StateType.KILLED


# -- keys that do not belong to what they carry ------------------------------------------------------------------------


def test_a_record_under_the_key_of_another_one_changes_neither() -> None:
    driver = Driver(FLOW_SOURCE)
    execution_id = driver.create("main")
    driver.settle()
    head = Execution("e2", "t.t", "main", 1, State.created(driver.clock.now()))
    driver.log.send((Outgoing(EXECUTION_INBOX, "another", Create(head)),))
    driver.settle()
    driver.log.send((Outgoing(LIMITER_INBOX, "scope", AcquireSlot("another scope", "e", 1, StateType.QUEUED)),))
    driver.settle()
    beat = ServiceHeartbeat("w1", "WORKER", ServiceState.RUNNING, driver.clock.now())
    driver.log.send((Outgoing(SERVICE, "w2", beat),))
    driver.settle()
    errors = [letter.letter.error for letter in read_letters(driver.log, {}).values()]
    assert errors == [
        "Invalid: a `create` of execution `e2` has the key `another`",
        "Invalid: a request for the scope `another scope` has the key `scope`",
        "Invalid: a heartbeat of `w1` has the key `w2`",
    ]
    driver.resume(execution_id)
    driver.settle()
    assert driver.story(execution_id).state is StateType.SUCCESS
    assert driver.executions() == [execution_id]


# -- readers without a group -------------------------------------------------------------------------------------------


def test_the_table_of_flows_passes_over_poison_and_counts_it(caplog: pytest.LogCaptureFixture) -> None:
    driver = Driver()
    registry = default_registry()
    table = FlowTable(driver.log, lambda source: parse_flow(source.source, registry=registry))

    def save(revision: int) -> None:
        source = FlowSource("main", "t.t", "main", revision, FLOW_SOURCE, {})
        driver.log.send((Outgoing(FLOW, f"main-{revision}", source),))

    save(1)
    spread(driver, FLOW)
    save(2)
    for _ in range(2):
        flow = table.newest("main", "t.t", "main")
        assert flow is not None
        assert flow.revision == 2
        assert table.get("main", "t.t", "main", 1) is not None
    assert table.unreadable == len(poison_of(FLOW))
    assert len(caplog.records) == len(poison_of(FLOW))


def test_a_follower_passes_over_poison() -> None:
    driver = Driver(FLOW_SOURCE)
    follower = Follower(driver.log, keeps=True)
    for topic in (EXECUTION_EVENT, LOG, METRIC):
        spread(driver, topic)
    execution_id = driver.create("main")
    follower.follow(execution_id)
    driver.settle()
    for topic in (EXECUTION_EVENT, LOG, METRIC):
        spread(driver, topic)
    driver.resume(execution_id)
    driver.settle()
    follower.catch_up()
    assert follower.executions[execution_id].head.state.current is StateType.SUCCESS
