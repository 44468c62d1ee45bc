"""Members that leave are members no more, whatever they had: the next rebalance of their group waits for nobody."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Event, Thread

import pytest
from confluent_kafka import Consumer as Client
from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import ConsumerGroupDescription

from kestra_stream.models.messages import LookupJob
from kestra_stream.queue.interface import Consumer, Lease, Outgoing, TopicPartition
from kestra_stream.queue.kafka import Connection, KafkaLog, KafkaWorkQueue
from kestra_stream.queue.kafka.group.client import leave
from kestra_stream.queue.kafka.work_queue import owner
from kestra_stream.queue.kafka.work_queue.owner import Owner
from kestra_stream.testing.contracts.wire import Listener
from kestra_stream.topics import WORKER_JOB, WORKER_TALK, Cleanup, Topic, job_topic
from tests.integration.queue.crowd import wait_until
from tests.services.broker import PATIENCE, Broker

SESSION = 60_000
"""Longer than any patience here: whoever is waited for until its session ends fails the test."""
GROUP = "leaves"


@pytest.fixture(params=["classic", "consumer"])
def log(request: pytest.FixtureRequest, kafka: Broker, prefix: str) -> Iterator[KafkaLog]:
    client = {**kafka.client, "group.protocol": request.param, "session.timeout.ms": SESSION}
    log = KafkaLog(Connection(client, prefix=prefix, creates=True))
    yield log
    log.close()


@contextmanager
def polling(consumer: Consumer) -> Iterator[None]:
    """Let a member take part in its group in a thread of its own; it leaves at the end."""
    over = Event()

    def poll() -> None:
        while not over.is_set():
            consumer.poll(1, 0.05)
            consumer.rewind()

    thread = Thread(target=poll)
    thread.start()
    yield
    over.set()
    thread.join()
    consumer.close()


def members(kafka: Broker, group: str) -> tuple[int, bool]:
    """Return how many members the broker counts, and whether no rebalance is under way."""
    found = described(kafka, group)
    return (0, False) if found is None else (len(found.members), found.state is ConsumerGroupState.STABLE)


def counts(kafka: Broker, group: str, number: int) -> Callable[[], bool]:
    return lambda: members(kafka, group)[0] == number


def is_settled(kafka: Broker, group: str, number: int) -> Callable[[], bool]:
    return lambda: members(kafka, group) == (number, True)


def test_whoever_leaves_without_partitions_is_waited_for_by_nobody(log: KafkaLog, kafka: Broker, prefix: str) -> None:
    topic = Topic("leaves", "any", str, Cleanup.DELETE, "a test", "a test", partitions=1)
    listeners = [Listener() for _ in range(4)]

    def owners() -> list[int]:
        return [number for number, listener in enumerate(listeners) if listener.owned]

    crowd = [ExitStack() for _ in listeners]
    with ExitStack() as all_of_them:
        for stack, listener in zip(crowd, listeners, strict=True):
            all_of_them.push(stack)
            stack.enter_context(polling(log.consumer(GROUP, (topic,), listener)))
        wait_until(is_settled(kafka, f"{prefix}{GROUP}", 4), PATIENCE, "all are members")
        wait_until(lambda: len(owners()) == 1, PATIENCE, "one of them has the partition")
        (owner,) = owners()
        idle = [number for number in range(4) if number != owner]
        for number in (*idle[:2], owner):
            crowd[number].close()
        last = listeners[idle[2]]
        wait_until(lambda: last.owned == {TopicPartition(topic.name, 0)}, PATIENCE, "the last one has it")
        wait_until(is_settled(kafka, f"{prefix}{GROUP}", 1), PATIENCE, "nobody else is a member")


def test_a_member_that_leaves_while_it_joins_is_waited_for_by_nobody(log: KafkaLog, kafka: Broker, prefix: str) -> None:
    """It has come in, and waits for the partitions that another one is about to give up."""
    topic = Topic("leaves", "any", str, Cleanup.DELETE, "a test", "a test", partitions=4)
    first = Listener()
    with polling(log.consumer(GROUP, (topic,), first)):
        for _ in range(5):
            wait_until(lambda: len(first.owned) == 4, PATIENCE, "one member has all partitions")
            with polling(log.consumer(GROUP, (topic,), Listener())):
                wait_until(counts(kafka, f"{prefix}{GROUP}", 2), PATIENCE, "another one joins")
                wait_until(lambda: len(first.owned) < 4, PATIENCE, "partitions are asked for")
        wait_until(counts(kafka, f"{prefix}{GROUP}", 1), PATIENCE, "the other one has left")


def test_workers_that_leave_without_partitions_are_waited_for_by_nobody(log: KafkaLog, kafka: Broker, prefix: str) -> None:
    log.cluster.ensure(job_topic(GROUP), 1)
    log.cluster.ensure(WORKER_TALK, 1)
    group = f"{prefix}{job_topic(GROUP).name}"
    queues = [KafkaWorkQueue(log.cluster, GROUP) for _ in range(3)]
    for queue in queues:
        wait_until(partial(has_spoken, queue), PATIENCE, "it takes part")
    wait_until(counts(kafka, group, 3), PATIENCE, "all are members")
    for left, queue in enumerate(reversed(queues)):
        queue.close()
        wait_until(counts(kafka, group, 2 - left), PATIENCE, "it has left")


@pytest.mark.parametrize("log", ["classic"], indirect=True)
def test_a_worker_that_leaves_as_partitions_come_to_it_takes_none(
    log: KafkaLog, kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it asks a client that is closing for would be answered by nobody."""
    log.cluster.ensure(job_topic(GROUP), 4)
    log.cluster.ensure(WORKER_TALK, 1)
    group = f"{prefix}{job_topic(GROUP).name}"
    stays, leaves = (KafkaWorkQueue(log.cluster, GROUP) for _ in range(2))
    wait_until(lambda: shares(kafka, group) == [2, 2], PATIENCE, "both have partitions")
    over = Event()
    with monkeypatch.context() as patch:
        patch.setattr(owner, "_PATIENCE", 600.0)
        patch.setattr(Owner, "_round", lambda _: over.wait(0.05))  # both hear of nothing that comes from here on
        wait_until(lambda: has_spoken(leaves) and has_spoken(stays), PATIENCE, "they are in it")
        stays.close()
        wait_until(lambda: shares(kafka, group) == [4], PATIENCE, "the other one is given the rest")
        closing = Thread(target=leaves.close, daemon=True)
        closing.start()
        wait_until(lambda: not closing.is_alive(), PATIENCE, "it has left")


def shares(kafka: Broker, group: str) -> list[int]:
    """Return how many partitions each member has, as the broker sees it."""
    found = described(kafka, group)
    return [] if found is None else sorted(len(member.assignment.topic_partitions) for member in found.members)


def described(kafka: Broker, group: str) -> ConsumerGroupDescription | None:
    """Return what the broker knows of a group; None while it does not tell, as one that has just started."""
    admin = kafka.admin()  # held: what it was asked for is given up with it
    (future,) = admin.describe_consumer_groups([group]).values()
    try:
        found: ConsumerGroupDescription = future.result(PATIENCE)
    except KafkaException:
        return None
    return found


def has_spoken(queue: KafkaWorkQueue) -> bool:
    return not queue.take(1, 0.05)


@pytest.mark.parametrize("log", ["classic"], indirect=True)
def test_what_a_worker_has_accepted_is_not_handed_out_again_when_it_leaves_during_a_rebalance(
    log: KafkaLog, kafka: Broker, prefix: str
) -> None:
    """Its last commit waits behind its own request to join: until then another one that joins is slow, and after that it is refused."""
    log.cluster.ensure(job_topic(GROUP), 4)
    log.cluster.ensure(WORKER_TALK, 1)
    group = f"{prefix}{job_topic(GROUP).name}"
    queue = KafkaWorkQueue(log.cluster, GROUP)
    wait_until(lambda: shares(kafka, group) == [4], PATIENCE, "it has all partitions")
    log.send([Outgoing(WORKER_JOB, str(number), lookup(number)) for number in range(40)])
    leases: list[Lease] = []

    def has_all() -> bool:
        leases.extend(queue.take(40, 0.1))
        return len(leases) == 40

    wait_until(has_all, PATIENCE, "it has all jobs")
    configuration = log.cluster.connection.consumer(job_topic(GROUP).name, {}, **{"partition.assignment.strategy": "cooperative-sticky"})
    idle = Client(configuration)
    idle.subscribe([log.cluster.ensure(job_topic(GROUP))])
    wait_until(lambda: idle.poll(0.05) is None and not members(kafka, group)[1], PATIENCE, "another one joins")
    for lease in leases:
        assert queue.accept(lease)
    queue.close()
    leave(idle, configuration)
    heir = KafkaWorkQueue(log.cluster, GROUP)
    wait_until(lambda: shares(kafka, group) == [4], PATIENCE, "another one has all partitions")
    assert [lease.job for lease in heir.take(40, 2.0)] == []
    heir.close()


def lookup(number: int) -> LookupJob:
    return LookupJob(f"job-{number}", "a.namespace", "a-flow", 1, f"job-{number}", (), worker_group=GROUP)
