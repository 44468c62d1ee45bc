"""Transactions: {records, state, offsets} in, all or nothing. One for each member of a group.

What may go wrong, and what becomes of it:
    the broker is away                          the same request again, until it answers
    a request fails, the transaction must end   aborted: nothing was written; Unavailable, Fenced or Invalid says why
    nobody knows how it ended                   the producer is given up: Fenced, so that state and offsets are read again
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from kestra_stream.errors import Fenced, KestraError, Replaced, Unavailable
from kestra_stream.queue.kafka.cluster import Cluster
from kestra_stream.queue.kafka.encoding import Encoded
from kestra_stream.queue.kafka.errors import GROUP_LEFT, PRODUCER_FENCED, told
from kestra_stream.queue.kafka.sender import produce

logger = logging.getLogger("kestra_stream.kafka.client")

_SLICE = 2.0
_ABORTING = 10.0


class Transactor:
    """A transactional producer, opened when it is first needed and again after it was lost.

    Args:
        group: on the broker.
        given_up: whether somebody waits for this to end.
    """

    def __init__(self, cluster: Cluster, group: str, given_up: Callable[[], bool]) -> None:
        instance = cluster.connection.instance_id
        self._is_static = instance is not None
        self.id = f"{group}-{instance or uuid4().hex}"
        self._cluster = cluster
        self._given_up = given_up
        self._producer: Any = None

    def open(self) -> None:
        """Be ready for transactions; takes a moment, and ends those of an earlier process with the same id.

        Raises:
            Unavailable: the broker is away.
        """
        if self._producer is None:
            producer = Producer(self._cluster.connection.transactional(self.id), logger=logger)
            try:
                self._again(producer.init_transactions, "transactions can not begin")
            except KafkaException as error:
                raise told(error.args[0], "transactions can not begin") from error
            self._producer = producer

    def commit(self, records: Sequence[Encoded], offsets: Sequence[TopicPartition], member: Any) -> None:
        """Write records and offsets as one.

        Args:
            records: what to send, state included.
            offsets: the next offset to read of each partition; at least one, or a zombie would not be noticed.
            member: the group's metadata of this member, as of its last assignment.

        Raises:
            Fenced: the partitions are another's.
            Unavailable: nothing was written.
            Invalid: a record that no broker takes; nothing was written.
        """
        self.open()
        producer = self._producer
        try:
            producer.begin_transaction()
            for record in records:
                produce(producer, record, self._cluster.partitions)
            self._again(lambda timeout: producer.send_offsets_to_transaction(list(offsets), member, timeout), "offsets")
            self._again(producer.commit_transaction, "commit")
        except KafkaException as error:
            raise self._ended(error.args[0]) from error
        except BaseException:
            self._abort()
            raise

    def close(self) -> None:
        """Give up the producer; a transaction that is open is ended by the broker, or by whoever takes over."""
        self._producer = None

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

    def _ended(self, error: KafkaError) -> KestraError:
        """End a transaction that can not be committed; return what its batch is told."""
        if error.code() in PRODUCER_FENCED and not error.txn_requires_abort():
            self._producer = None
            if self._is_static:
                return Replaced(f"another process writes as {self.id}: {error.str()}; give each process an instance id of its own")
            return Fenced(f"the producer was fenced: {error.str()}")
        if error.txn_requires_abort() and self._abort():
            return told(error, "the transaction was aborted")
        self._producer = None
        reason = told(error, "the transaction has failed")
        return reason if error.code() in GROUP_LEFT else Fenced(str(reason))

    def _abort(self) -> bool:
        """Abort what is open; False when nobody knows whether that has worked."""
        deadline = time.monotonic() + _ABORTING
        while self._producer is not None:
            try:
                self._producer.abort_transaction(_SLICE)
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline or self._given_up():
                    self._producer = None
            else:
                return True
        return False


def fence(cluster: Cluster, transactional_id: str) -> None:
    """End what another producer has left open, and take its place: it can write nothing more."""
    producer = Producer(cluster.connection.transactional(transactional_id), logger=logger)
    try:
        producer.init_transactions(_SLICE * 2)
    except KafkaException as error:
        logger.info("the open transaction of %s was not ended: %s", transactional_id, error.args[0].str())
