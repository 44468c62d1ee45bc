"""Flows saved in the log alone: revisions are numbered without a repository, whoever saves at the same time."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.flow_table import FlowTable, flow_key
from kestra_stream.runtime.identity import new_id
from kestra_stream.topics import FLOW
from kestra_stream.webserver.flow_register import LoggedFlows

UID = ("main", "a.namespace", "flow")


def parse(source: FlowSource) -> Flow:
    return Flow.model_construct(id=source.id, namespace=source.namespace, revision=source.revision, source=source.source, tasks=())


def source(text: str, revision: int = 0) -> FlowSource:
    return FlowSource(*UID, revision, text, {})


class Client:
    """One process with a table of its own."""

    def __init__(self, log: MemoryLog) -> None:
        self.table = FlowTable(log, parse)
        self.flows = LoggedFlows(self.table, log, SystemClock().now, new_id)

    def save(self, text: str) -> int:
        return self.flows.save(source(text)).revision

    def text(self, revision: int = 0) -> str | None:
        flow = self.table.get(*UID, revision)
        return None if flow is None else flow.source


def test_revisions_are_numbered_from_one_and_an_unchanged_source_makes_none() -> None:
    log = MemoryLog(SystemClock().now)
    assert [Client(log).save(text) for text in ("a", "a", "revision: 9\na", "b", "a")] == [1, 1, 1, 2, 3]


def test_a_deleted_flow_is_gone_for_everybody_and_comes_back_as_the_next_revision() -> None:
    log = MemoryLog(SystemClock().now)
    one, other = Client(log), Client(log)
    assert one.save("a") == 1
    gone = other.flows.delete(*UID)
    assert gone is not None
    assert (gone.revision, gone.deleted) == (2, True)
    assert (one.text(), one.text(1), one.flows.delete(*UID)) == (None, "a", None)
    assert one.save("a") == 3
    assert other.text() == "a"


class LateLog(MemoryLog):
    """Lets another one save first, in the moment between looking and sending."""

    def __init__(self, rival: FlowSource) -> None:
        super().__init__(SystemClock().now)
        self.rivals = [rival]

    def send(self, records: Sequence[Outgoing]) -> None:
        first = [Outgoing(FLOW, flow_key(rival, "rival"), rival) for rival in self.rivals]
        self.rivals.clear()
        super().send([*first, *records])


def test_of_two_that_send_the_same_revision_the_first_has_it_and_the_second_takes_the_next() -> None:
    log = LateLog(source("rival", 1))
    client, late = Client(log), Client(log)
    assert client.save("mine") == 2
    for reader in (client, late, Client(log)):
        assert (reader.text(1), reader.text(2), reader.text()) == ("rival", "mine", "mine")


def test_who_loses_against_the_same_source_has_the_revision_of_the_other() -> None:
    log = LateLog(source("same", 1))
    client = Client(log)
    assert client.save("same") == 1
    assert Client(log).text(2) is None


def test_what_a_loser_sent_is_void_also_when_it_could_not_take_it_back() -> None:
    log = MemoryLog(SystemClock().now)
    log.send([Outgoing(FLOW, flow_key(source(text, 1), text), source(text, 1)) for text in ("first", "second")])
    client = Client(log)
    assert client.text(1) == "first"
    assert client.save("second") == 2


def test_many_that_save_at_once_get_a_revision_each_and_all_agree() -> None:
    log = MemoryLog(SystemClock().now)
    writers, each = 6, 5
    together = Barrier(writers)
    numbers = count()

    def work(writer: int) -> dict[int, str]:
        client = Client(log)
        together.wait()
        texts = [f"{writer} {next(numbers)}" for _ in range(each)]
        return {client.save(text): text for text in texts}

    with ThreadPoolExecutor(writers) as pool:
        saved = [pair for found in pool.map(work, range(writers)) for pair in found.items()]
    assert sorted(revision for revision, _ in saved) == list(range(1, writers * each + 1))
    late = Client(log)
    assert all(late.text(revision) == text for revision, text in saved)
