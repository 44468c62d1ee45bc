"""Records that are too big for a message, on a real broker: they pass, and only those that no record claims any more are swept."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kestra_stream.models.execution import TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.messages import TaskJob
from kestra_stream.models.state import State
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.runtime.claim_check import ClaimCheck
from kestra_stream.runtime.orphans import OrphanSweep, Swept
from kestra_stream.runtime.oversize import OversizeValues
from kestra_stream.storage.local import LocalStorage
from kestra_stream.storage.uri import execution_folder, task_run_folder
from kestra_stream.topics import EXECUTION_EVENT, WORKER_JOB
from tests.services.broker import Broker

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = datetime.now(UTC) + timedelta(hours=1)
TEXT = "x" * 3_000_000


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "storage")


@pytest.fixture
def values(storage: LocalStorage, prefix: str) -> OversizeValues:
    return OversizeValues(storage, lambda: NOW, prefix)


@pytest.fixture
def log(kafka: Broker, prefix: str, values: OversizeValues) -> Iterator[KafkaLog]:
    log = KafkaLog(Connection(kafka.client, prefix=prefix, creates=True), values)
    yield log
    log.close()


def event(execution_id: str, outputs: dict[str, object]) -> ExecutionEvent:
    return ExecutionEvent(execution_id, 1, task_runs=(TaskRun("run", "task", State.created(NOW), outputs=outputs),))


@pytest.mark.timeout(180)
def test_only_what_no_record_names_is_swept(log: KafkaLog, storage: LocalStorage, values: OversizeValues, prefix: str) -> None:
    """A record of three times a message's size, a job of a worker group, and a big value that only the big record names."""
    folder = task_run_folder(execution_folder("company", "flow", "e1"), "task", "run")
    named, lost = (ClaimCheck(storage).deposit("main", folder, {"big": "y" * 100_000}) for _ in range(2))
    told = event("e1", {"text": TEXT, **named})
    job = TaskJob("e1", "company", "flow", 1, "task", "run", 1, 0, NOW, variables={"text": TEXT})
    group = replace(WORKER_JOB, name=f"{WORKER_JOB.name}.gpu")
    log.send([Outgoing(EXECUTION_EVENT, "e1", told), Outgoing(group, "run", job)])
    orphan = values.deposit(b"of a transaction that was aborted", f"{prefix}{EXECUTION_EVENT.name}")
    sweep = OrphanSweep(log, storage)
    assert sweep.run(LATER) == Swept(outputs=1, messages=1, size=100_002 + 33)
    assert storage.attributes("_engine", orphan) is None
    assert storage.attributes("main", str(lost["big"]["$spilled"])) is None
    assert sweep.run(LATER) == Swept()
    reader = log.reader((EXECUTION_EVENT, group))
    read = {record.topic: record for batch in reader.catch_up() for record in batch}
    reader.close()
    assert read[EXECUTION_EVENT.name].value == told
    assert read[group.name].value == job
    assert all(record.claim is not None for record in read.values())
