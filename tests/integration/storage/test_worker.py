"""A worker whose storage is away, slow or returns errors: it tries again for as long as the settings say, then the task run fails.

Meanwhile a healthy execution after the other goes well beside it, and no slot is lost.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from kestra_stream.plugin.api import RunContext
from kestra_stream.runtime.claim_check import SPILLED
from kestra_stream.runtime.orphans import OrphanSweep
from kestra_stream.storage.s3 import open_minio
from kestra_stream.storage.s3.storage import S3Storage
from tests.bad_input.bench import Bench
from tests.integration.storage.fault_proxy import Answer, Fault, Proxy, Silence, proxy
from tests.integration.storage.settings import HASTY, minio_settings
from tests.services.s3 import S3

BAD = "tests/bad/bad/"
MOST = 199_000_000
READ = """
  - {id: read, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.bad.value | length }}"}
"""


@pytest.fixture
def between(s3: S3) -> Iterator[Proxy]:
    with proxy(s3.url) as between:
        yield between


@pytest.fixture
def bench(tmp_path: Path, s3: S3, bucket: str, between: Proxy) -> Iterator[Bench]:
    """An engine with its files in a bucket behind the proxy."""
    with running(tmp_path, open_minio(minio_settings(replace(s3, url=between.url), bucket, read_timeout=0.5), HASTY)) as bench:
        yield bench


@contextmanager
def running(folder: Path, storage: S3Storage) -> Iterator[Bench]:
    """Run an engine with its files in a bucket."""
    bench = Bench(folder, storage=storage)
    bench.engine.start()
    yield bench
    bench.until(lambda: bench.engine.busy_slots == 0)
    bench.follower.close()
    bench.engine.stop()
    bench.engine.check()
    storage.close()


def large(_: RunContext) -> dict[str, str]:
    return {"value": "x" * 100_000}


def largest(_: RunContext) -> dict[str, str]:
    return {"value": "x" * MOST}


def test_an_outage_that_is_shorter_than_the_tries_is_not_noticed(bench: Bench, between: Proxy) -> None:
    between.faults.plan(Answer(503, "SlowDown"), part=BAD, times=HASTY.attempts - 1)
    story = bench.end(bench.does(large, after=READ))
    assert (story.state, story.errors) == ("SUCCESS", [])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Answer(503, "SlowDown"), "cannot answer now (SlowDown: as the test wants)"),
        (Answer(500, "", "text/html"), "cannot answer now (HTTP status 500)"),
        (Answer(403, "AccessDenied"), "allow them s3:GetObject"),
        (Silence(Event()), "does not answer (ReadTimeoutError)"),
    ],
    ids=["slow down", "error", "denied", "silence"],
)
def test_a_storage_that_stays_away_fails_the_task_run_and_nothing_else(bench: Bench, between: Proxy, fault: Fault, said: str) -> None:
    """The message says what is wrong; once the storage is back the next execution goes well."""
    between.faults.plan(fault, part=BAD)
    failed = bench.end(bench.does(large))
    assert failed.state == "FAILED"
    (error,) = failed.errors
    assert error.startswith("bad: Outputs: The storage at")
    assert said in error
    between.faults.heal()
    if isinstance(fault, Silence):
        fault.until.set()
    assert bench.end(bench.does(large)).state == "SUCCESS"


def test_a_value_that_cannot_be_fetched_fails_its_reader_only(bench: Bench, between: Proxy) -> None:
    between.faults.plan(Answer(503, "SlowDown"), method="GET", part="_outputs")
    story = bench.end(bench.does(large, after=READ))
    assert [(run.task_id, run.state.current.value) for run in story.runs] == [("bad", "SUCCESS"), ("read", "FAILED")]
    assert "cannot answer now (SlowDown" in story.errors[0]


@pytest.mark.timeout(240)
def test_an_output_of_almost_200_megabytes_passes(tmp_path: Path, s3: S3, bucket: str) -> None:
    """It lies in the bucket, its claim travels, and whoever names it has it; nothing of it is an orphan."""
    storage = open_minio(minio_settings(s3, bucket))
    with running(tmp_path, storage) as bench:
        story = bench.end(bench.does(largest, after=READ), seconds=200)
        sweep = OrphanSweep(bench.engine.backend.log, storage)
        assert sweep.run(datetime.now(UTC) + timedelta(hours=1)).outputs == 0
    assert story.state == "SUCCESS", story.errors
    made, read = story.run("bad").outputs, story.run("read").outputs
    assert made is not None
    assert read == {"value": str(MOST)}
    assert made["value"]["size"] == MOST + 2
    assert SPILLED in made["value"]
