"""A bucket that is away, slow or returns errors while executions of separate processes run: nothing is lost or doubled, all end once it is back."""

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from kestra_stream.executor.ended import ENDED
from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_input import Create
from kestra_stream.models.records import LogEntry
from kestra_stream.models.state import S, State
from kestra_stream.queue.interface import Outgoing, Unreadable
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.queue.kafka.state.parts import parse_key
from kestra_stream.runtime.claim_check import SPILLED, ClaimCheck
from kestra_stream.runtime.identity import new_id
from kestra_stream.runtime.orphans import OrphanSweep
from kestra_stream.runtime.oversize import OversizeValues
from kestra_stream.storage.s3 import open_minio
from kestra_stream.topics import DEAD_LETTER, EXECUTION_INBOX, LOG, TOPICS
from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.histories import Histories, histories
from tests.integration.faults.record import last_values
from tests.integration.faults.site import Site
from tests.integration.faults.workload import NAMESPACE
from tests.integration.storage.fault_proxy import Answer, Fault, Silence, Slow, proxy
from tests.integration.storage.settings import minio_settings, storage_section
from tests.services.broker import Broker
from tests.services.s3 import S3, S3Server
from tests.unit.assembly.polling import until

FLOWS = """
id: plain
tasks:
  - {id: one, type: io.kestra.plugin.core.output.OutputValues, values: {a: 1}}
  - {id: two, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.one.values.a }}"}
---
id: spilled
tasks:
  - id: one
    type: io.kestra.plugin.core.debug.Return
    format: "{% for n in range(1, 20000) %}xxxxx{% endfor %}"
    retry: {type: constant, interval: PT0.5S, maxAttempts: 1000}
  - id: two
    type: io.kestra.plugin.core.debug.Return
    format: "{{ outputs.one.value | length }}"
    retry: {type: constant, interval: PT0.5S, maxAttempts: 1000}
---
id: oversize
inputs:
  - {id: text, type: STRING}
tasks:
  - {id: one, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.text | length }}"}
  - {id: two, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.one.value }}"}
"""
TEXT = "y" * 2_000_000
EACH = 6


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that befalls the storage.

    Attributes:
        told: what processes say of it; nothing of one that only costs time.
    """

    begin: Callable[[], object]
    end: Callable[[], object]
    told: str = ""


class Scene:
    """An engine with its files in a bucket, and the executions of each flow that were created so far."""

    def __init__(self, site: Site, client: EngineClient, known: Histories) -> None:
        self.site, self.client, self.known = site, client, known
        self.created: dict[str, list[str]] = {}
        self._lines = client.log.reader((LOG,))
        self._told: list[str] = []

    def create(self, *flows: str) -> None:
        """Create some executions of flows."""
        now = datetime.now(UTC)
        for flow in flows:
            inputs = {"text": TEXT} if flow == "oversize" else {}
            heads = [Execution(new_id(), NAMESPACE, flow, 0, State.created(now), inputs=inputs) for _ in range(EACH)]
            self.client.log.send([Outgoing(EXECUTION_INBOX, head.id, Create(head)) for head in heads])
            self.created.setdefault(flow, []).extend(head.id for head in heads)

    def wait(self, *flows: str) -> None:
        """Wait until all executions of flows have ended."""
        self.known.wait([each for flow in flows for each in self.created[flow]])

    def is_told(self, text: str) -> bool:
        """Whether a process or an execution has told something."""
        self._told += [record.value.message for record in self._lines.poll(1_000, 0) if isinstance(record.value, LogEntry)]
        return any(text in line for line in self._told) or any(member.has_told(text) for member in self.site.members)


@contextmanager
def scene_of(site: Site) -> Generator[Scene, None, None]:
    """Start the processes."""
    with site:
        site.start("executor", "executor", "limiter", "worker -t 4", "worker -t 4")
        with client_of(site.config, FLOWS) as client, histories(client.log) as known:
            yield Scene(site, client, known)


def settings_of(prefix: str, s3: S3, bucket: str) -> dict[str, dict[str, object]]:
    """Return settings with tries that a test can wait for."""
    storage = storage_section(s3, bucket, **{"read-timeout": "PT1S"})
    return {"kafka": {"defaults": {"topic-prefix": prefix}}, "storage": storage, "retries": {"attempts": 2, "delay": "PT0.1S"}}


def live_through(scene: Scene, trouble: Trouble) -> None:
    """Let a storage go while executions use it, and come back; what needs no file goes on meanwhile."""
    scene.create("oversize", "spilled", "plain")
    until(lambda: scene.known.ended(scene.created["oversize"]) > 0)
    trouble.begin()
    scene.create("spilled")
    until(lambda: scene.is_told(trouble.told))
    trouble.end()
    scene.create("spilled", "oversize", "plain")
    scene.wait("oversize", "spilled", "plain")


def judge(scene: Scene) -> None:
    """Each execution has ended as its flow dictates, once; what failed for the storage was tried again."""
    both = {"one": "SUCCESS", "two": "SUCCESS"}
    for flow in ("oversize", "plain"):
        scene.known.judge(scene.created[flow], "SUCCESS", both)
    for each in scene.created["spilled"]:
        history = scene.known.known[each]
        shown = f"{each}: {history.state} {history.states()} {history.sequences}"
        assert history.sequences == list(range(1, len(history.sequences) + 1)), shown
        assert (history.ends, history.state, history.states()) == (1, "SUCCESS", both), shown
        for run in history.runs.values():
            states = Counter(attempt.state.current for attempt in run.attempts)
            assert states[S.SUCCESS] == 1, states
            assert set(states) <= {S.SUCCESS, S.FAILED}, states
    scene.site.check()


def clean(scene: Scene, kafka: Broker, prefix: str, s3: S3, bucket: str) -> None:
    """No state is left; a sweep takes what nobody names, and only that."""
    until(lambda: all(name is None or name[1] == ENDED for name in map(parse_key, last_values(kafka, f"{prefix}executor_state"))))
    storage = open_minio(minio_settings(s3, bucket))
    log = KafkaLog(Connection(kafka.client, prefix=prefix), OversizeValues(storage, lambda: datetime.now(UTC), prefix))
    OrphanSweep(log, storage).run(datetime.now(UTC) + timedelta(hours=1))
    claims = ClaimCheck(storage)
    runs = [run for each in scene.created["spilled"] for run in scene.known.known[each].runs.values() if run.task_id == "one"]
    assert all(claims.fetch("main", run.outputs) == {"value": "x" * 100_000} for run in runs)
    kept = [file.uri for file in storage.list("main", "kestra:///", recursive=True)]
    assert sorted(kept) == sorted(str((run.outputs or {})["value"][SPILLED]) for run in runs)
    reader = log.reader(TOPICS)
    read = [record for records in reader.catch_up() for record in records]
    assert any(record.claim is not None for record in read)
    assert not [record.value for record in read if isinstance(record.value, Unreadable)]
    assert not [record.value for record in read if record.topic == DEAD_LETTER.name]
    reader.close()
    log.close()
    storage.close()


TROUBLES = {
    "errors": (Answer(503, "SlowDown"), "cannot answer now (SlowDown"),
    "no rights": (Answer(403, "AccessDenied"), "allow them s3:"),
    "no bucket": (Answer(404, "NoSuchBucket"), "is not there"),
    "silence": (Silence(Event()), "does not answer"),
    "slowness": (Slow(0.4), ""),
}


@pytest.mark.parametrize(("fault", "told"), TROUBLES.values(), ids=TROUBLES.keys())
def test_nothing_is_lost_by_a_bucket_that_answers_wrongly(
    kafka: Broker, prefix: str, s3: S3, bucket: str, tmp_path: Path, fault: Fault, told: str
) -> None:
    with (
        proxy(s3.url) as between,
        scene_of(Site(tmp_path, kafka.client, **settings_of(prefix, replace(s3, url=between.url), bucket))) as scene,
    ):
        live_through(scene, Trouble(lambda: between.faults.plan(fault), between.faults.heal, told))
        judge(scene)
        clean(scene, kafka, prefix, s3, bucket)


@pytest.mark.parametrize(
    ("begin", "end", "told"),
    [("kill", "start", "does not take connections"), ("pause", "resume", "does not answer")],
    ids=["away", "frozen"],
)
def test_nothing_is_lost_by_a_server_that_is_away_or_freezes(
    kafka: Broker, prefix: str, s3_server: S3Server, tmp_path: Path, begin: str, end: str, told: str
) -> None:
    """One that was killed is started again with its data."""
    s3 = s3_server.address
    with s3.bucket() as bucket, scene_of(Site(tmp_path, kafka.client, **settings_of(prefix, s3, bucket))) as scene:
        live_through(scene, Trouble(getattr(s3_server, begin), getattr(s3_server, end), told))
        judge(scene)
        clean(scene, kafka, prefix, s3, bucket)
