"""An executor that is told to end (SIGTERM) while it reads the state of its partitions: it ends at once, and the next one has all of it."""

from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from kestra_stream.models import execution_input as i
from kestra_stream.models.state import S
from tests.integration.faults.engine_client import client_of
from tests.integration.faults.record import Chronicle
from tests.integration.faults.site import Site
from tests.services.broker import PATIENCE, Broker
from tests.unit.assembly.polling import until

FLOWS = """
id: paused
tasks:
  - {id: wait, type: io.kestra.plugin.core.flow.Pause}
  - {id: last, type: io.kestra.plugin.core.debug.Return, format: done}
"""
COPIES = 300_000


def test_an_executor_that_is_told_to_end_in_the_middle_of_a_restore_ends_and_the_next_one_goes_on(
    kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    with Site(tmp_path, kafka.client, kafka={"defaults": {"topic-prefix": prefix}}) as site:
        (first,) = site.start("executor")
        site.start("worker")
        with client_of(site.config, FLOWS) as client:
            chronicle = Chronicle(client.log)
            (waiting,) = client.create(["paused"])
            chronicle.until(lambda: waiting in chronicle.stories and chronicle.stories[waiting].state is S.PAUSED, "it waits")
            assert first.end() == 0
            write_again(kafka, f"{prefix}executor_state")
            (second,) = site.begin("executor")
            until(lambda: has_partitions(kafka, f"{prefix}executor"), PATIENCE * 2)
            assert second.end() == 0
            assert not second.has_told("Traceback")
            site.start("executor")
            client.tell(waiting, i.Resume())
            chronicle.until(lambda: waiting in chronicle.finished, "it goes on where it was")
            story = chronicle.stories[waiting]
            assert story.state is S.SUCCESS
            assert story.sequences == list(range(1, len(story.sequences) + 1))
            chronicle.close()


def write_again(kafka: Broker, topic: str) -> None:
    """Write what a partition of state holds again and again, as it is: the same state, and long to read."""
    consumer = Consumer({**kafka.client, "group.id": "nobody", "enable.auto.commit": False, "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(2)])
    records: list[Message] = []
    while message := consumer.poll(5.0 if not records else 1.0):
        if message.error() is None:
            records.append(message)
    consumer.close()
    newest = {message.key(): message for message in records if message.value() is not None}
    producer = Producer({**kafka.client, "queue.buffering.max.messages": COPIES, "linger.ms": 50})
    for number in range(COPIES):
        message = list(newest.values())[number % len(newest)]
        producer.produce(topic, message.value(), message.key(), message.partition() or 0, headers=message.headers())
        producer.poll(0)
    assert producer.flush(PATIENCE * 2) == 0


def has_partitions(kafka: Broker, group: str) -> bool:
    """Whether a member of a group has partitions."""
    admin = kafka.admin()  # held: what it was asked for is given up with it
    (future,) = admin.describe_consumer_groups([group]).values()
    return any(member.assignment.topic_partitions for member in future.result(PATIENCE).members)
