"""Transactions: {records, state, offsets} in, all or nothing. One for each member of a group.

What may go wrong, and what becomes of it:
    the broker is away                          the same request again, until it answers
    offsets are not answered                    the producer is given up: Unavailable, nothing was written and nothing ever will be
    a request fails, the transaction must end   aborted: nothing was written; Unavailable, Refused or Invalid says why
    nobody knows how it ended                   the producer is given up: Fenced, so that state and offsets are read again
    another has ended it, to take over          the producer is given up: Fenced, as above
A producer that has aborted is given up, too: what was not sent leaves gaps in its numbers, for which its next transaction would be aborted.
So is one that has lost all brokers: it may wait for a coordinator that is none any more.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from kestra_stream.errors import Fatal, Fenced, KestraError, Unavailable
from kestra_stream.queue.kafka.clients.overdue import Overdue, Requests
from kestra_stream.queue.kafka.clients.rights import Right
from kestra_stream.queue.kafka.cluster import Cluster
from kestra_stream.queue.kafka.encoding import Encoded
from kestra_stream.queue.kafka.errors import GONE, Needs, told
from kestra_stream.queue.kafka.sender import produce

logger = logging.getLogger("kestra_stream.kafka.client")

_SLICE = 2.0
# Half of what the broker gives a transaction.
_OFFSETS = 5.0
_ABORTING = 10.0
# What befalls the rest once one record was not delivered: they tell nothing.
_GIVEN_UP = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 - codes


class Refused(Fenced):
    """The group has moved on, and nothing was written: what this member knows of the partitions that stay with it still holds."""


class Transactor:
    """A transactional producer, opened when it is first needed and again after it was lost.

    Args:
        group: on the broker.
        given_up: whether somebody waits for this to end.
    """

    def __init__(self, cluster: Cluster, group: str, given_up: Callable[[], bool]) -> None:
        self.id = f"{group}-{uuid4().hex}"
        self._cluster = cluster
        self._given_up = given_up
        self._producer: Any = None
        self._needs = Needs(operation="Write", group=group, transactional_id=f"{group}-*")
        self._undelivered: list[tuple[KafkaError, str]] = []
        self._requests = Requests(f"{self.id}-offsets")
        self._has_lost_brokers = False

    def open(self) -> None:
        """Be ready for transactions; takes a moment.

        Raises:
            Unavailable: the broker is away.
        """
        if self._producer is not None:
            self._producer.poll(0)  # it tells of brokers that it has lost
        if self._producer is None or self._has_lost_brokers:
            self._producer = None
            reports = {"delivery.report.only.error": True, "on_delivery": self._reported, "error_cb": self._heard}
            producer = Producer({**self._cluster.connection.transactional(self.id), **reports}, logger=logger)
            try:
                self._again(producer.init_transactions, "transactions can not begin")
            except KafkaException as error:
                raise told(error.args[0], "transactions can not begin", self._needs) from error
            producer.poll(0)
            self._producer, self._has_lost_brokers = producer, False

    def commit(self, records: Sequence[Encoded], offsets: Sequence[TopicPartition], member: Any) -> None:
        """Write records and offsets as one.

        Args:
            records: what to send, state included.
            offsets: the next offset to read of each partition; at least one, or a zombie would not be noticed.
            member: the group's metadata of this member, as of its last assignment.

        Raises:
            Refused: partitions may be another's; nothing was written.
            Fenced: the partitions are another's, or nobody knows whether it was written.
            Unavailable: nothing was written.
            Invalid: a record that no broker takes; nothing was written.
        """
        self.open()
        producer = self._producer
        self._undelivered.clear()
        try:
            producer.begin_transaction()
            for record in records:
                produce(producer, record, self._cluster.partitions)
            self._send_offsets(offsets, member)
            self._again(producer.commit_transaction, "commit")
        except Overdue as error:
            self._producer = None
            raise Unavailable(f"the offsets: {error} from {self._cluster.connection.address}") from error
        except KafkaException as error:
            raise self._ended(error.args[0], _rights(records, offsets)) from error
        except Unavailable as error:
            if self._abort():
                raise
            raise Fenced(f"nobody knows whether the transaction was written: {error}") from error
        except Fatal as error:
            self._producer = None
            raise Fenced(f"the transaction has failed: {error}") from error
        except BaseException:
            self._abort()
            raise

    def _send_offsets(self, offsets: Sequence[TopicPartition], member: Any) -> None:
        """Put the offsets into the transaction; a producer whose broker went away meanwhile can not be trusted to find it again."""
        producer = self._producer
        try:
            self._requests.make(lambda: producer.send_offsets_to_transaction(list(offsets), member, _SLICE), _OFFSETS)
        except KafkaException as error:
            if error.args[0].retriable() and not error.args[0].txn_requires_abort():
                raise Overdue(error.args[0].str()) from error
            raise

    def _reported(self, error: KafkaError | None, message: Any) -> None:
        """A record was not delivered, and for what reason."""
        if error is not None and error.code() not in _GIVEN_UP:
            self._undelivered.append((error, message.topic()))

    def _heard(self, error: KafkaError) -> None:
        """The client has something to tell that no request was told."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - a code
            self._has_lost_brokers = True

    def close(self) -> None:
        """Give up the producer; a transaction that is open is ended by the broker, or by whoever takes over."""
        self._producer = None
        self._requests.close()

    def _again(self, request: Callable[[float], None], action: str) -> None:
        """Make a request until it is answered, or nobody waits for it any more."""
        while True:
            try:
                request(_SLICE)
            except KafkaException as error:
                if not error.args[0].retriable() or error.args[0].txn_requires_abort():
                    raise
                logger.warning("%s: %s; %s is tried again until it answers", action, error.args[0].str(), self._cluster.connection.address)
                if self._given_up():
                    raise Unavailable(f"{action}: {error.args[0].str()}") from error
            else:
                return

    def _ended(self, error: KafkaError, wanted: Sequence[Right]) -> KestraError:
        """End a transaction that can not be committed; return what its batch is told.

        One that the broker has ended, because it took too long, looks as if another had this producer's name: nobody has.
        """
        if error.txn_requires_abort() and self._abort():
            reason = self._reason(error, wanted)
            return Refused(str(reason)) if isinstance(reason, Fenced) else reason
        self._producer = None
        reason = told(error, "the transaction has failed", self._needs)
        return reason if isinstance(reason, Fatal) else Fenced(str(reason))

    def _reason(self, error: KafkaError, wanted: Sequence[Right]) -> KestraError:
        """Return why a transaction was aborted: what its records met, if they met anything."""
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED and (right := self._cluster.missing_right(wanted)) is not None:
            return told(error, "the transaction was aborted", Needs(*right))
        reasons = [told(error, "a record was not taken", replace(self._needs, topic=topic)) for error, topic in self._undelivered]
        for reason in reasons:
            if not isinstance(reason, Unavailable):
                return reason
        if any(undelivered.code() in GONE for undelivered, _ in ((error, ""), *self._undelivered)):
            self._cluster.forget_sizes()
        return reasons[0] if reasons else told(error, "the transaction was aborted", self._needs)

    def _abort(self) -> bool:
        """Abort what is open, and give up the producer; False when nobody knows whether that has worked."""
        producer, self._producer = self._producer, None
        deadline = time.monotonic() + _ABORTING
        while True:
            try:
                producer.abort_transaction(_SLICE)
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline or self._given_up():
                    return False
            else:
                return True


def _rights(records: Sequence[Encoded], offsets: Sequence[TopicPartition]) -> Sequence[Right]:
    """Return what a transaction takes the right for on topics."""
    return [*dict.fromkeys([*((record.topic, "Write") for record in records), *((place.topic, "Read") for place in offsets)])]


def fence(cluster: Cluster, transactional_id: str) -> None:
    """End what another producer has left open, and take its place: it can write nothing more."""
    producer = Producer(cluster.connection.transactional(transactional_id), logger=logger)
    try:
        producer.init_transactions(_SLICE * 2)
    except KafkaException as error:
        logger.info("the open transaction of %s was not ended: %s", transactional_id, error.args[0].str())
