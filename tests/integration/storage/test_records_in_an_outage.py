"""Records that are too big for a message while the bucket that they lie in is away: whoever reads them waits, and passes nothing over."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kestra_stream.errors import Unavailable
from kestra_stream.models.execution_input import Kill, Resume
from kestra_stream.models.messages import LookupJob
from kestra_stream.queue.interface import Outgoing, Raw, Record, Transaction, Unreadable
from kestra_stream.queue.kafka import Connection, KafkaLog, KafkaWorkQueue
from kestra_stream.queue.kafka.encoding import CLAIM
from kestra_stream.queue.serde import HEADERS
from kestra_stream.runtime.oversize import OversizeValues
from kestra_stream.storage.s3 import open_minio
from kestra_stream.topics import EXECUTION_INBOX, WORKER_JOB, WORKER_TALK
from tests.integration.storage.fault_proxy import Answer, Fault, Proxy, proxy
from tests.integration.storage.settings import HASTY, minio_settings
from tests.services.broker import Broker
from tests.services.s3 import S3
from tests.unit.assembly.polling import until

TEXT = "x" * 2_000_000
AWAY = [Answer(503, "SlowDown"), Answer(403, "AccessDenied"), Answer(404, "NoSuchBucket")]


@pytest.fixture
def between(s3: S3) -> Iterator[Proxy]:
    with proxy(s3.url) as between:
        yield between


@pytest.fixture
def log(kafka: Broker, prefix: str, s3: S3, bucket: str, between: Proxy) -> Iterator[KafkaLog]:
    storage = open_minio(minio_settings(replace(s3, url=between.url), bucket), HASTY)
    log = KafkaLog(Connection(kafka.client, prefix=prefix, creates=True), OversizeValues(storage, lambda: datetime.now(UTC), prefix))
    yield log
    log.close()
    storage.close()


def sent(log: KafkaLog) -> list[Kill | Resume]:
    """Send small and big records by turns; return them."""
    records: list[Kill | Resume] = [Kill(), Resume({"text": TEXT}), Kill(), Resume({"text": TEXT[:-1]}), Kill()]
    log.send([Outgoing(EXECUTION_INBOX, "e1", record) for record in records])
    return records


def read_through(poll: Callable[[], Sequence[Record]], between: Proxy, fault: Fault, count: int) -> list[object]:
    """Poll while the bucket is away until somebody says so, then while it is back; return the values that came."""
    between.faults.plan(fault, method="GET", part="_messages")
    values: list[object] = []

    def has_come() -> bool:
        values.extend(record.value for record in poll())
        return len(values) >= count

    with pytest.raises(Unavailable, match="too big for a message cannot be read: The "):
        until(has_come)
    with pytest.raises(Unavailable):
        poll()
    between.faults.heal()
    until(has_come)
    return values


@pytest.mark.parametrize("fault", AWAY, ids=[fault.code for fault in AWAY])
def test_a_member_and_a_reader_pass_nothing_over(log: KafkaLog, between: Proxy, fault: Fault) -> None:
    """After the failed poll the loop goes back to where its batch began."""
    records = sent(log)
    member, reader = log.consumer("group", (EXECUTION_INBOX,)), log.reader((EXECUTION_INBOX,))
    assert read_through(lambda: reader.poll(100, 0.5), between, fault, len(records)) == records

    def poll() -> Sequence[Record]:
        try:
            return member.poll(100, 0.5)
        except Unavailable:
            member.rewind()
            raise

    assert read_through(poll, between, fault, len(records)) == records
    member.commit(Transaction())
    assert [record for batch in log.reader((EXECUTION_INBOX,)).catch_up() for record in batch][-1].value == records[-1]


def test_who_catches_up_hears_of_it_and_goes_on_where_it_stood(log: KafkaLog, between: Proxy) -> None:
    records = sent(log)
    reader = log.reader((EXECUTION_INBOX,))
    between.faults.plan(AWAY[0], method="GET", part="_messages")
    with pytest.raises(Unavailable):
        list(reader.catch_up())
    between.faults.heal()
    assert [record.value for batch in reader.catch_up() for record in batch] == records


def test_a_job_waits_for_the_bucket_and_no_other_job_waits_for_it(log: KafkaLog, between: Proxy) -> None:
    log.cluster.ensure(WORKER_TALK, 1)
    jobs = [LookupJob(name, "a.b", text, 1, name, ()) for name, text in (("one", "f"), ("big", TEXT), ("two", "f"))]
    log.send([Outgoing(WORKER_JOB, job.lookup_id, job) for job in jobs])
    between.faults.plan(AWAY[0], method="GET", part="_messages")
    queue = KafkaWorkQueue(log.cluster)
    found: list[LookupJob] = []

    def have_come(count: int) -> bool:
        with suppress(Unavailable):
            for lease in queue.take(3, 0.5):
                assert lease.deliveries == 1
                assert queue.accept(lease)
                found.append(lease.job)
        return len(found) == count

    until(lambda: have_come(2))
    with pytest.raises(Unavailable, match="cannot be read"):
        until(lambda: bool(queue.take(1, 0.5)))
    between.faults.heal()
    until(lambda: have_come(3))
    assert sorted(job.lookup_id for job in found) == ["big", "one", "two"]
    queue.close()


@pytest.mark.parametrize("fault", AWAY, ids=[fault.code for fault in AWAY])
def test_a_record_that_cannot_be_stored_is_not_refused_for_good(log: KafkaLog, between: Proxy, fault: Fault) -> None:
    between.faults.plan(fault, method="PUT", part="_messages")
    with pytest.raises(Unavailable, match="too big for a message cannot be stored: The "):
        sent(log)
    between.faults.heal()
    sent(log)


@pytest.mark.parametrize("claim", ["kestra:///company/_files/secret.txt", "kestra:///_messages/../../etc", "nothing", ""])
def test_a_claim_to_something_else_is_one_dead_letter(log: KafkaLog, claim: str) -> None:
    """A record may come from anybody."""
    log.send(
        [Outgoing(EXECUTION_INBOX, "e1", Raw(b"{}", b"e1", (*HEADERS, (CLAIM, claim.encode())))), Outgoing(EXECUTION_INBOX, "e1", Kill())]
    )
    reader = log.reader((EXECUTION_INBOX,))
    strange, kill = (record.value for batch in reader.catch_up() for record in batch)
    assert isinstance(strange, Unreadable)
    assert strange.payload == b"{}"
    assert dict(strange.headers)[CLAIM] == claim.encode()
    assert kill == Kill()
