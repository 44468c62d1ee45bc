"""The owner of partitions: reads jobs as a member of the group, commits what is done, and never stops polling."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Event, Thread
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from kestra_stream.queue.interface import Headers
from kestra_stream.queue.kafka.clients.standstill import abandon
from kestra_stream.queue.kafka.cluster import Place
from kestra_stream.queue.kafka.encoding import is_filler
from kestra_stream.queue.kafka.errors import GROUP_LEFT, Needs, forbidden, is_final, told, wants_a_new_client
from kestra_stream.queue.kafka.group.client import leave
from kestra_stream.queue.kafka.group.vigil import Vigil
from kestra_stream.queue.kafka.reader import at_once
from kestra_stream.queue.kafka.work_queue.jobs import Job, OwnJobs
from kestra_stream.queue.kafka.work_queue.progress import Marks

logger = logging.getLogger("kestra_stream.kafka.client")

_IDLE_SECONDS = 0.1
_BUSY_SECONDS = 0.01
_BATCH = 1_000
_MOST_WAITING = 4_000
_MOST_BYTES = 32 * 1024 * 1024
_PATIENCE = 10.0
_BETWEEN_TRIES = 0.5
_LAST_TRIES = 5.0
_BETWEEN_LAST_TRIES = 0.05
_COUNTED = 1.0


class Owner:
    """One member of the worker group.

    Args:
        properties: of the consumer.
        topic: what is read.
        trim: told how far partitions are committed.
        look: calls for help when jobs wait; returns in how many seconds to look again.
        vigil: watches over its client.
        hand_back_seconds: how long partitions that are taken away wait for jobs that were just handed out to be accepted.

    Attributes:
        unread: how many jobs of its partitions lie on the topic still.
    """

    def __init__(
        self,
        properties: Mapping[str, Any],
        topic: str,
        jobs: OwnJobs,
        look: Callable[[], float | None],
        trim: Callable[[Sequence[TopicPartition]], None],
        hand_back_seconds: float,
        vigil: Vigil,
    ) -> None:
        self.error: BaseException | None = None
        self.unread = 0
        self._next_count = 0.0
        self._topic = topic
        self._needs = Needs(topic, group=str(properties["group.id"]))
        self._jobs = jobs
        self._look = look
        self._trim = trim
        self._hand_back_seconds = hand_back_seconds
        self._stopped = Event()
        self._is_paused = False
        self._vigil = vigil
        self._properties = {**properties, "error_cb": _note, "on_commit": self._committed}
        self._consumer = self._joined()
        self._thread = Thread(target=self._run, name=f"work-queue-{topic}", daemon=True)

    def _joined(self) -> Consumer:
        consumer = Consumer(self._properties, logger=logger)
        consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        return consumer

    def start(self) -> None:
        """Take part from now on."""
        self._thread.start()

    def close(self) -> None:
        """Commit what is done and leave the group."""
        self._stopped.set()
        if self._thread.ident is None:
            self._leave()
        else:
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._round()
        except Exception as error:
            logger.exception("The work queue %s stops", self._topic)
            self.error = error
            with self._jobs.changed:
                self._jobs.changed.notify_all()
        finally:
            self._leave()

    def _round(self) -> None:
        """Go round once.

        1. be sure that the partitions are still ours
        2. read what came
        3. bring back what was not accepted, call for help
        4. commit what is done
        """
        asked_at = time.monotonic()
        if self._jobs.is_stale and not self._is_still_member():
            self._read(_BUSY_SECONDS)
            return
        self._jobs.confirm(asked_at)
        self._regulate()
        self._jobs.bring_back()
        look_again = self._look()
        self._commit()
        self._count_unread()
        idle = _BUSY_SECONDS if self._jobs.is_busy else _IDLE_SECONDS
        self._read(idle if look_again is None else min(idle, look_again))

    def _read(self, timeout: float) -> None:
        batch = at_once(self._consumer, 1 if self._is_paused else _BATCH + 1, timeout)
        if batch:
            self._vigil.heard(batch)
            self._jobs.add([job for message in batch if (job := _job(message, self._needs)) is not None])
        if any(error is not None and wants_a_new_client(error) for error in (message.error() for message in batch)):
            self._join_anew()
        elif self._vigil.is_astray(self._consumer, self._read_now()):
            abandon(self._consumer)
            self._begin_with_new_client()

    def _join_anew(self) -> None:
        """The right to be in the group is missing: come back as somebody new until it is there."""
        leave(self._consumer, self._properties)
        self._stopped.wait(_BETWEEN_TRIES)
        self._begin_with_new_client()

    def _read_now(self) -> Collection[Place]:
        """Return the partitions of which something should come."""
        return () if self._is_paused else [(self._topic, number) for number in self._jobs.partitions.owned]

    def _begin_with_new_client(self) -> None:
        self._consumer = self._joined()
        self._is_paused = False

    def _count_unread(self) -> None:
        """Look from time to time how many jobs lie on the topic that were not read yet, as far as the client has heard."""
        if time.monotonic() < self._next_count:
            return
        self._next_count = time.monotonic() + _COUNTED
        unread = 0
        for number, position in self._jobs.partitions.positions().items():
            _, end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), cached=True)
            unread += max(end - position, 0)
        self.unread = unread

    def _regulate(self) -> None:
        """Read no further while too much waits here; a paused consumer stays a member as it goes on polling."""
        jobs = self._jobs
        is_full = jobs.waiting >= _MOST_WAITING or jobs.bytes_waiting >= _MOST_BYTES
        if is_full and not self._is_paused:
            self._consumer.pause(self._consumer.assignment())
            self._is_paused = True
        elif self._is_paused and jobs.waiting < _MOST_WAITING // 4 and jobs.bytes_waiting < _MOST_BYTES // 4:
            self._consumer.resume(self._consumer.assignment())
            self._is_paused = False

    def _is_still_member(self) -> bool:
        """Ask the broker after a long sleep: a commit of what is committed already is refused when the partitions are another's."""
        progress = self._jobs.partitions.of(self._jobs.partitions.owned)
        try:
            if progress:
                self._consumer.commit(offsets=self._offsets(progress), asynchronous=False)
        except KafkaException as error:
            logger.warning("The work queue %s has slept; it does not own its partitions any more: %s", self._topic, error)
            return False
        return True

    def _commit(self) -> None:
        if self._jobs.partitions.is_touched:
            progress = self._jobs.partitions.due()
            if progress:
                self._consumer.commit(offsets=self._offsets(progress), asynchronous=True)

    def _offsets(self, progress: Mapping[int, tuple[int, Marks]]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, number, offset, marks.text()) for number, (offset, marks) in progress.items()]

    def _committed(self, error: KafkaError | None, partitions: Sequence[TopicPartition]) -> None:
        failed = [found.partition for found in partitions if found.error is not None or error is not None]
        if failed:
            logger.debug("A commit of %s failed: %s", self._topic, error)
            self._jobs.partitions.touch(failed)
        else:
            self._trim(partitions)

    # -- changes of the group ----------------------------------------------------------------------------------------------

    def _assigned(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Take partitions over; those that were held back so far are read again with them, until `_regulate` finds too much.

        Who leaves takes none: the client that closes answers nothing any more, and the next owner waits meanwhile.
        """
        if self._stopped.is_set():
            return
        for found in self._places(consumer, partitions):
            start = found.offset if found.offset >= 0 else None
            self._jobs.partitions.assign(found.partition, start, Marks.of(found.metadata))
        if self._is_paused:
            consumer.resume(consumer.assignment())
            self._is_paused = False

    def _places(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> Sequence[TopicPartition]:
        """Read the commits; a broker that went away meanwhile is waited for, or its jobs would be taken from their beginning again."""
        while True:
            try:
                return _committed_of(consumer, partitions)
            except KafkaException as error:
                if self._stopped.is_set():
                    return ()
                logger.info("The commits of %s can not be read: %s; trying again", self._topic, error.args[0].str())
                self._stopped.wait(_BETWEEN_TRIES)

    def _revoked(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Give partitions up: what was just handed out is accepted in a moment, and need not be run twice."""
        numbers = frozenset(found.partition for found in partitions)
        self._hand_back(consumer, numbers)

    def _lost(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        del consumer
        self._jobs.drop(frozenset(found.partition for found in partitions))

    def _hand_back(self, consumer: Consumer, numbers: frozenset[int]) -> None:
        jobs = self._jobs
        jobs.retire(numbers)
        deadline = time.monotonic() + self._hand_back_seconds
        with jobs.changed:
            while jobs.granted(numbers) and (left := deadline - time.monotonic()) > 0:
                jobs.changed.wait(left)
            progress = jobs.partitions.of(numbers)
            jobs.drop(numbers)
        self._commit_last(consumer, progress)

    def _leave(self) -> None:
        """Leave the group; what other workers hold of our jobs is waited for as in a rebalance."""
        self._hand_back(self._consumer, self._jobs.partitions.owned)
        leave(self._consumer, self._properties)

    def _commit_last(self, consumer: Consumer, progress: Mapping[int, tuple[int, Marks]]) -> None:
        """Commit what nobody commits after us, or it would be handed out once more.

        While the group rebalances, a commit waits at the broker behind the client's own request to join, and is refused then for the number
        of the group that it bears; the next one bears the new number. Until this client polls again the partitions are its own.
        """
        deadline = time.monotonic() + _LAST_TRIES
        while progress:
            try:
                consumer.commit(offsets=self._offsets(progress), asynchronous=False)
            except KafkaException as error:
                if error.args[0].code() not in GROUP_LEFT or time.monotonic() > deadline:
                    logger.info("The last commit of %s before a change of its owner failed: %s", self._topic, error)
                    return
                time.sleep(_BETWEEN_LAST_TRIES)
            else:
                return


def _committed_of(consumer: Consumer, partitions: Sequence[TopicPartition]) -> Sequence[TopicPartition]:
    found = consumer.committed(list(partitions), _PATIENCE)
    failed = next((place.error for place in found if place.error is not None), None)
    if failed is not None:
        raise KafkaException(failed)
    return found


def _job(message: Message, needs: Needs) -> Job | None:
    if (error := message.error()) is not None:
        if forbidden(error) is not None:
            logger.warning("%s", told(error, "no job can be read", needs))
        elif is_final(error):
            raise told(error, "no job can be read")
        else:
            logger.debug("The work queue: %s", error)
        return None
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None or is_filler(message):
        return None
    headers = cast("Headers", message.headers() or ())  # confluent_kafka types what a producer may be given
    return Job(partition, offset, message.timestamp()[1], message.value(), message.key(), headers)


def _note(error: object) -> None:
    logger.debug("The work queue's consumer: %s", error)
