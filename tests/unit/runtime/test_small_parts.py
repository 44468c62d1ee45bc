"""Backoff, claim checks, identities, the clock, metrics and the flow table."""

import io
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, timedelta
from typing import Any, BinaryIO

import pytest

from kestra_stream.errors import Invalid, InvalidFlow, InvalidUri, NotFound
from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.runtime.backoff import Backoff
from kestra_stream.runtime.claim_check import ClaimCheck, TooLarge
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.flow_table import FlowTable
from kestra_stream.runtime.identity import new_id
from kestra_stream.runtime.observation.metrics import Metrics
from kestra_stream.storage.interface import FileAttributes
from kestra_stream.testing.clock import ManualClock
from kestra_stream.topics import FLOW


def test_waits_double_up_to_the_longest_and_start_anew_after_a_success() -> None:
    clock = ManualClock()
    backoff = Backoff(clock, first=1, longest=3)
    assert backoff.left == 0
    assert [backoff.failed() for _ in range(4)] == [1, 2, 3, 3]
    assert backoff.left == 3
    clock.advance(timedelta(seconds=2))
    assert backoff.left == 1
    clock.advance(timedelta(seconds=5))
    assert backoff.left == 0
    backoff.failed()
    backoff.succeeded()
    assert (backoff.left, backoff.failed()) == (0, 1)


def test_the_clock_goes_forward_in_utc() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()


def test_new_ids_are_22_letters_and_digits_and_never_the_same() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(found) == 22 and found.isalnum() and found.isascii() for found in ids)


class Shelf:
    """A storage of one dictionary."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], bytes] = {}

    def get(self, tenant: str, uri: str, start: int = 0, end: int | None = None) -> BinaryIO:
        if (tenant, uri) not in self.files:
            raise NotFound(uri)
        return io.BytesIO(self.files[tenant, uri][start:end])

    def put(self, tenant: str, uri: str, content: BinaryIO | bytes, metadata: Mapping[str, str] | None = None) -> str:
        self.files[tenant, uri] = content if isinstance(content, bytes) else content.read()
        return uri

    def attributes(self, tenant: str, uri: str) -> FileAttributes | None:
        return None

    def list(self, tenant: str, uri: str, *, recursive: bool = False) -> Iterator[FileAttributes]:
        return iter(())

    def delete(self, tenant: str, uri: str) -> int:
        return int(self.files.pop((tenant, uri), None) is not None)

    def move(self, tenant: str, source: str, target: str) -> str:
        return target


FOLDER = "kestra:///team/flow/executions/e/tasks/t/r/"


def test_a_big_value_travels_as_a_claim_and_comes_back() -> None:
    shelf = Shelf()
    claims = ClaimCheck(shelf, spill=100)
    big = {"rows": list(range(100))}
    claim = claims.deposit("main", FOLDER, {"big": big, "small": 1})["big"]
    ((_, uri),) = shelf.files
    assert claim == {"$spilled": uri, "size": len(shelf.files["main", uri])}
    assert claims.fetch("main", claim) == big
    nested = {"small": 1, "list": [claim, 2], "tuple": (claim,)}
    assert claims.fetch("main", nested) == {"small": 1, "list": [big, 2], "tuple": [big]}


def test_small_values_travel_themselves_and_are_not_copied() -> None:
    shelf = Shelf()
    claims = ClaimCheck(shelf)
    small = {"a": [1, {"b": [2]}], "text": "x"}
    assert claims.deposit("main", FOLDER, small)["a"] is small["a"]
    assert claims.fetch("main", small) is small
    assert shelf.files == {}


def test_values_whose_names_look_alike_are_kept_apart() -> None:
    shelf = Shelf()
    claims = ClaimCheck(shelf, spill=10)
    values = {"a-b": "x" * 20, "A_b": "y" * 20, "../a": "z" * 20, "n" * 500: "w" * 20}
    assert claims.fetch("main", claims.deposit("main", FOLDER, values)) == values


def test_values_that_are_refused_leave_nothing_in_storage() -> None:
    shelf = Shelf()
    with pytest.raises(TooLarge, match="more than the 100 bytes"):
        ClaimCheck(shelf, spill=10, most=100).deposit("main", FOLDER, {"a": "x" * 60, "b": "y" * 60})
    assert shelf.files == {}


def test_a_crowd_of_tiny_values_is_refused_instead_of_becoming_a_crowd_of_files() -> None:
    shelf = Shelf()
    with pytest.raises(TooLarge, match="20000 values"):
        ClaimCheck(shelf).deposit("main", FOLDER, {f"v{n}": n for n in range(20_000)})
    assert shelf.files == {}


def test_what_is_nested_too_deeply_is_refused_by_name() -> None:
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(Invalid, match="`deep` is nested"):
        ClaimCheck(Shelf()).deposit("main", FOLDER, {"deep": deep})


@pytest.mark.parametrize(
    "uri", ["kestra:///other/_kv/password.ion", f"{FOLDER}report.json", f"{FOLDER}_outputs/0-v.json", "kestra:///", "/etc/passwd", 3, None]
)
def test_a_claim_that_was_made_up_gives_nothing(uri: Any) -> None:
    shelf = Shelf()
    shelf.files["main", str(uri)] = b"1"
    with pytest.raises(InvalidUri):
        ClaimCheck(shelf).fetch("main", {"x": [{"$spilled": uri}]})


def test_a_claim_to_nothing_is_not_found() -> None:
    with pytest.raises(NotFound):
        ClaimCheck(Shelf()).fetch("main", {"$spilled": f"{FOLDER}_outputs/{'0' * 32}.json", "size": 1})


# -- metrics -----------------------------------------------------------------------------------------------------------


def test_metrics_are_told_as_prometheus_reads_them() -> None:
    metrics = Metrics()
    metrics.explain("executions", "executions that have ended")
    metrics.count("executions", state="SUCCESS")
    metrics.count("executions", 2, state="FAILED")
    metrics.level("lag", lambda: 7)
    metrics.observe("commit", 0.003)
    metrics.observe("commit", 100)
    lines = metrics.text().decode().splitlines()
    assert "# HELP kestra_executions_total executions that have ended" in lines
    assert 'kestra_executions_total{state="FAILED"} 2.0' in lines
    assert 'kestra_executions_total{state="SUCCESS"} 1.0' in lines
    assert "kestra_lag 7.0" in lines
    assert 'kestra_commit_seconds_bucket{le="0.0025"} 0.0' in lines
    assert 'kestra_commit_seconds_bucket{le="0.005"} 1.0' in lines
    assert 'kestra_commit_seconds_bucket{le="+Inf"} 2.0' in lines
    assert "kestra_commit_seconds_count 2.0" in lines
    assert "kestra_commit_seconds_sum 100.003" in lines


def test_no_metrics_are_an_empty_text() -> None:
    assert Metrics().text() == b""


def test_counting_does_not_load_the_client_library() -> None:
    code = "import sys; from kestra_stream.runtime.observation.metrics import Metrics; Metrics().count('a'); print('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"  # noqa: S603


# -- flows -------------------------------------------------------------------------------------------------------------


def source(revision: int, **changes: Any) -> FlowSource:
    return FlowSource("main", "a.namespace", "flow", revision, f"revision {revision}", {}, **changes)


class Shop:
    """A log with flows, and a table of them; counts what is parsed."""

    def __init__(self) -> None:
        self.log = MemoryLog(SystemClock().now)
        self.parsed: list[int] = []
        self.table = FlowTable(self.log, self.parse)

    def parse(self, found: FlowSource) -> Flow:
        self.parsed.append(found.revision)
        if found.disabled:
            raise InvalidFlow([])
        return Flow.model_construct(id=found.id, namespace=found.namespace, revision=found.revision, tasks=())

    def save(self, found: FlowSource) -> None:
        self.log.send((Outgoing(FLOW, f"main.a.namespace.flow.{found.revision}", found),))

    def revision(self, revision: int = 0) -> int | None:
        flow = self.table.get("main", "a.namespace", "flow", revision)
        return None if flow is None else flow.revision


def test_the_newest_revision_is_found_as_soon_as_it_is_saved() -> None:
    shop = Shop()
    assert shop.revision() is None
    shop.save(source(1))
    assert shop.revision() == 1
    shop.save(source(2))
    assert (shop.revision(), shop.revision(1), shop.revision(3)) == (2, 1, None)


def test_a_revision_is_parsed_once() -> None:
    shop = Shop()
    shop.save(source(1))
    assert [shop.revision(), shop.revision(), shop.revision(1)] == [1, 1, 1]
    assert shop.parsed == [1]


def test_a_deleted_flow_is_gone_but_its_revisions_stay() -> None:
    shop = Shop()
    shop.save(source(1))
    shop.save(source(2, deleted=True))
    assert (shop.revision(), shop.revision(1)) == (None, 1)
    newest = shop.table.newest("main", "a.namespace", "flow")
    assert newest is not None
    assert newest.deleted


def test_an_older_revision_that_comes_late_does_not_replace_a_newer_one() -> None:
    shop = Shop()
    shop.save(source(2))
    shop.save(source(1))
    assert shop.revision() == 2


def test_a_stored_source_that_is_no_flow_any_more_is_told_to_who_asks() -> None:
    shop = Shop()
    shop.save(source(1, disabled=True))
    with pytest.raises(InvalidFlow):
        shop.revision()
