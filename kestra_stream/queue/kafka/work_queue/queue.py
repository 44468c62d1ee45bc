"""The work queue of one worker on Kafka: its own partitions' jobs, and those that others hand to it."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Condition
from typing import Any
from uuid import uuid4

from kestra_stream.errors import Fatal, Unavailable
from kestra_stream.models.messages import JobsAnswered, WhoHasJobs
from kestra_stream.queue.interface import Lease, Unreadable
from kestra_stream.queue.kafka.cluster import Cluster
from kestra_stream.queue.kafka.group.vigil import Vigil
from kestra_stream.queue.kafka.work_queue.exchange import EVERYONE, Exchange
from kestra_stream.queue.kafka.work_queue.guests import Guest, Guests
from kestra_stream.queue.kafka.work_queue.jobs import HERE, AsMessage, Grant, OwnJobs
from kestra_stream.queue.kafka.work_queue.owner import Owner
from kestra_stream.queue.kafka.work_queue.talk import BRIEF, Talk
from kestra_stream.queue.kafka.work_queue.trimmer import Trimmer
from kestra_stream.topics import WORKER_TALK, job_topic

LEASE_SECONDS = 10.0
TRIM_SECONDS = 60.0
# Members that come and go are noticed by heartbeats: the more often, the shorter a partition is without an owner.
_OURS: Mapping[str, Any] = {"heartbeat.interval.ms": 300, **BRIEF}
_STRATEGY: Mapping[str, Any] = {"partition.assignment.strategy": "cooperative-sticky"}
_STALE_SECONDS = 3.0
_HAND_BACK_SECONDS = 2.0
_GUEST_SECONDS = 0.25
# How long a worker that leaves waits for the jobs that it has bid for, to send them home: unanswered they would wait for their lease.
_LAST_JOBS_SECONDS = 1.0


def _now() -> datetime:
    return datetime.now(UTC)


class KafkaWorkQueue:
    """Fulfils the port `WorkQueue` on Kafka.

    Args:
        cluster: where the jobs are.
        group: the worker group whose jobs are taken; None for jobs without a group.
        lease_seconds: after that a job that was taken and not accepted comes back.
        trim_seconds: how often what is done is deleted from the topic.
    """

    def __init__(
        self,
        cluster: Cluster,
        group: str | None = None,
        lease_seconds: float = LEASE_SECONDS,
        trim_seconds: float = TRIM_SECONDS,
        now: Callable[[], datetime] = _now,
    ) -> None:
        connection, topic = cluster.connection, job_topic(group)
        name = cluster.ensure(topic)
        self._cluster = cluster
        self._topic = topic
        self._now = now
        self._lease_time = timedelta(seconds=lease_seconds)
        self._member = uuid4().hex
        self._is_closed = False
        self._changed = Condition()
        monotonic = time.monotonic
        self._own = OwnJobs(self._changed, monotonic, lease_seconds, _STALE_SECONDS)
        self._guests = Guests(self._changed, monotonic, lease_seconds, _GUEST_SECONDS)
        self._talk = Talk(cluster, cluster.ensure(WORKER_TALK), self._member, group, self._hear, self._tidy)
        self._exchange = Exchange(self._member, self._own, self._guests, monotonic, self._talk.say)
        hand_back = min(_HAND_BACK_SECONDS, lease_seconds)
        self._trimmer = Trimmer(connection.admin(), trim_seconds)
        properties = connection.consumer(topic.name, _OURS, **_STRATEGY)
        vigil = Vigil(str(properties["group.id"]), cluster)
        self._owner = Owner(properties, name, self._own, self._exchange.look, self._trimmer.committed, hand_back, vigil)
        self._asked_around = False
        self._talk.start()
        self._owner.start()

    def take(self, count: int, timeout: float) -> Sequence[Lease]:
        """Lease up to `count` jobs; wait at most `timeout` seconds for the first.

        Raises:
            Unavailable: the jobs that wait lie in a storage that is away.
            Fatal: the queue has stopped by an error.
        """
        leases: list[Lease] = []
        troubles: list[Unavailable] = []
        for found in self._wait(count, time.monotonic() + timeout):
            try:
                leases.append(self._lease(found))
            except Unavailable as error:
                troubles.append(error)
                self._put_back(found)
        if troubles and not leases:
            raise troubles[0]
        return leases

    @property
    def waiting(self) -> int:
        """How many jobs wait in the partitions of this worker, read or not, as of a moment ago."""
        return self._own.waiting + self._owner.unread

    def accept(self, lease: Lease) -> bool:
        """The job will be run here; False when the lease had ended, or the job's partition went."""
        owner, number = _numbered(lease)
        if owner == HERE:
            return self._own.accept(number, HERE, patiently=True)
        if not self._guests.end(owner, number):
            return False
        self._talk.say(owner, JobsAnswered(self._member, accepted=(number,)))
        return True

    def release(self, lease: Lease) -> None:
        """Give the job back at once."""
        owner, number = _numbered(lease)
        if owner == HERE:
            self._own.give_back(number, HERE)
        elif self._guests.end(owner, number):
            self._talk.say(owner, JobsAnswered(self._member, released=(number,)))

    def close(self) -> None:
        """Give back what is leased and not accepted, and leave the group; every blocked `take` returns."""
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
            self._changed.notify_all()
        self._own.bring_back(HERE)
        self._exchange.leave()
        deadline = time.monotonic() + _LAST_JOBS_SECONDS
        with self._changed:
            while self._exchange.is_bidding and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
        self._owner.close()
        self._talk.close()

    def _wait(self, count: int, deadline: float) -> Sequence[Grant | Guest]:
        exchange = self._exchange
        with self._changed:
            exchange.asking += count
            try:
                while not self._is_closed:
                    if self._owner.error is not None:
                        raise Fatal(f"the work queue has stopped: {self._owner.error}") from self._owner.error
                    if self._talk.is_deaf:
                        raise Fatal("the work queue has stopped: it does not hear other workers any more")
                    guests = self._guests.hand_out(count)
                    found: list[Grant | Guest] = [*guests, *self._own.hand_out(count - len(guests), HERE)]
                    left = deadline - time.monotonic()
                    if found or left <= 0:
                        return found
                    exchange.ask()
                    self._changed.wait(left)
                return ()
            finally:
                exchange.asking -= count

    def _put_back(self, found: Grant | Guest) -> None:
        """Give back a job that nobody has looked at."""
        if isinstance(found, Grant):
            self._own.give_back(found.number, HERE, untouched=True)
        elif self._guests.end(found.owner, found.number):
            self._talk.say(found.owner, JobsAnswered(self._member, untouched=(found.number,)))

    def _lease(self, found: Grant | Guest) -> Lease:
        """Read a job; one that cannot be read is leased as its record, for the dead letters."""
        owner = found.owner if isinstance(found, Guest) else HERE
        record = self._cluster.encoding.record(self._topic, AsMessage(found.job))
        job = record if isinstance(record.value, Unreadable) else record.value
        return Lease(f"{owner}/{found.number}", job, self._now() + self._lease_time, found.job.deliveries)

    def _hear(self, talk: Any) -> None:
        self._exchange.hear(talk)

    def _tidy(self, now: float) -> None:
        """In each round of the ear: what nobody takes goes home; once it listens, it asks who has jobs."""
        self._own.answers_until = now
        if not self._asked_around:
            self._asked_around = True
            self._talk.say(EVERYONE, WhoHasJobs(self._member))
        self._exchange.tidy()
        self._exchange.ask()


def _numbered(lease: Lease) -> tuple[str, int]:
    owner, _, number = lease.id.rpartition("/")
    return owner, int(number)
