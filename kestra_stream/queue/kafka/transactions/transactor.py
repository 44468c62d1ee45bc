"""Transactions: {records, state, offsets} in, all or nothing. One for each member of a group.

What may go wrong, and what becomes of it:
    the broker is away                          the same request again, but not for ever: nobody polls the consumer meanwhile
    offsets are not answered, or all brokers
    are gone before all records are there       the producer is given up: Unavailable, nothing was written and nothing ever will be
    a request fails, the transaction must end   aborted: nothing was written; Unavailable, Refused or Invalid says why
    nobody knows how it ended                   the producer is given up: Fenced, so that state and offsets are read again
    another has ended it, to take over          the producer is given up: Fenced, as above
A producer that has aborted is given up, too: what was not sent leaves gaps in its numbers, for which its next transaction would be aborted.
So is one that has lost all brokers: it may wait for a coordinator that is none any more.

What the broker says of an ended transaction may not hold (`leftovers`). So a producer that is new, or has lost a broker, looks first what
became of the last ones (`doubts`); Lost sends the member back to what the broker has.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from kestra_stream.errors import Fatal, Fenced, KestraError, Unavailable
from kestra_stream.queue.kafka.clients.held import Held, refused
from kestra_stream.queue.kafka.clients.overdue import Overdue, Requests
from kestra_stream.queue.kafka.clients.rights import Right
from kestra_stream.queue.kafka.cluster import Cluster, Place
from kestra_stream.queue.kafka.encoding import Encoded
from kestra_stream.queue.kafka.errors import GONE, Needs, told
from kestra_stream.queue.kafka.sender import produce
from kestra_stream.queue.kafka.transactions.doubts import Doubts, Offsets, Standing
from kestra_stream.queue.kafka.transactions.leftovers import flushed
from kestra_stream.queue.kafka.transactions.marks import mark

logger = logging.getLogger("kestra_stream.kafka.client")

_SLICE = 2.0
# Half of what the broker gives a transaction.
_OFFSETS = 5.0
_ABORTING = 10.0
# How long a broker may answer others before a client that it does not answer is given up: it loads its coordinators first.
_ASTRAY = 8.0
# How long any request is made again: a consumer that nobody polls keeps a kilobyte for each connection that it tries in vain.
_PATIENCE = 30.0
# What befalls the rest once one record was not delivered: they tell nothing.
_GIVEN_UP = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 - codes


class Refused(Fenced):
    """The group has moved on, and nothing was written: what this member knows of the partitions that stay with it still holds."""


class Transactor:
    """A transactional producer, opened when it is first needed and again after it was lost.

    Args:
        group: without the prefix.
        name: of the member's transactions, for the broker.
        given_up: whether somebody waits for this to end.
        written: looks offsets up.
        standing: what the member holds, now.
    """

    def __init__(
        self,
        cluster: Cluster,
        group: str,
        name: str,
        given_up: Callable[[], bool],
        written: Offsets,
        standing: Callable[[], Standing] = Standing,
    ) -> None:
        self.id = name
        self._doubts = Doubts(cluster, group, name, written, standing)
        self._number = 0
        self._cluster = cluster
        self._given_up = given_up
        self._producer: Held | None = None
        full = f"{cluster.connection.prefix}{group}"
        self._needs = Needs(operation="Write", group=full, transactional_id=f"{full}-*")
        self._undelivered: list[tuple[KafkaError, str]] = []
        self._requests = Requests(f"{self.id}-offsets")
        self._has_lost_one = self._has_lost_all = False

    def open(self) -> None:
        """Be ready for transactions; takes a moment.

        Raises:
            Unavailable: the broker is away.
            Lost: it does not have what it has acknowledged.
        """
        self._ready()

    def _ready(self) -> Held:
        if self._producer is not None:
            self._producer.poll(0)  # it tells of brokers that it has lost
        if self._has_lost_all or (self._has_lost_one and not self.is_settled()):
            self._give_up()
        if self._producer is None:
            reports = {"delivery.report.only.error": True, "on_delivery": partial(_reported, self._undelivered), "error_cb": self._heard}
            producer = Held(Producer({**self._cluster.connection.transactional(self.id), **reports}, logger=logger))
            try:
                self._begin(producer)
            except BaseException:
                producer.let_go()
                raise
            self._producer = producer
        self._has_lost_one = False
        return self._producer

    def _begin(self, producer: Held) -> None:
        try:
            self._again(producer, lambda: producer.init_transactions(_SLICE), "transactions can not begin")
        except KafkaException as error:
            raise told(error.args[0], "transactions can not begin", self._needs) from error
        except Overdue as error:
            raise Unavailable(str(error)) from error
        producer.poll(0)
        self._has_lost_all = False
        try:
            self._doubts.resolve(producer)
        except KafkaException as error:
            raise told(error.args[0], "what is left of a transaction can not be ended", self._needs) from error

    def _give_up(self) -> None:
        if self._producer is not None:
            self._producer.let_go()
            self._producer = None

    @property
    def is_in_doubt(self) -> bool:
        """Whether whoever has nothing to commit shall look if all is there; a client does not hear of all that happens."""
        return self._doubts.exist and (self._producer is None or self._doubts.are_old)

    def settle(self) -> None:
        """Be ready, and certain of what was acknowledged. Raises as `open` does."""
        self.open()
        if not self.is_settled():
            self.open()

    def is_settled(self) -> bool:
        """Whether the broker has all that it has acknowledged; where it does not say so in time, the next `open` will know."""
        try:
            is_settled = self._doubts.are_unfounded()
        except KafkaException as error:
            logger.info("the last transaction of %s is not found now: %s", self.id, error.args[0].str())
            is_settled = False
        if not is_settled:
            self._give_up()
        return is_settled

    def commit(self, records: Sequence[Encoded], offsets: Mapping[Place, int], member: Any) -> None:
        """Write records and offsets as one.

        Args:
            records: what to send, state included.
            offsets: the next offset to read of each partition; at least one, or a zombie would not be noticed.
            member: the group's metadata of this member, as of its last assignment.

        Raises:
            Refused: partitions may be another's; nothing was written.
            Lost: nothing was written, nor was what was acknowledged before.
            Fenced: the partitions are another's, or nobody knows whether it was written.
            Unavailable: nothing was written.
            Invalid: a record that no broker takes; nothing was written.
        """
        producer = self._ready()
        self._undelivered.clear()
        self._number += 1
        try:
            producer.begin_transaction()
            numbers = self._doubts.begin(self._number, offsets)
            for record in records:
                numbers[record.topic, produce(producer, record, self._cluster.partitions)] = self._number
            self._send_offsets(producer, _positions(offsets, mark(self.id, self._number)), member)
            self._flush(producer)
            self._end(producer)
        except (KafkaException, Overdue, KestraError) as error:
            failure: Exception = error
        except BaseException:
            self._abort()
            raise
        else:
            self._doubts.acknowledged()
            return
        reason = self._failed(failure, _rights(records, offsets))
        try:
            raise reason from (failure if reason is not failure else failure.__cause__)
        finally:
            del failure, reason  # they refer to this frame

    def _failed(self, failure: Exception, wanted: Sequence[Right]) -> Exception:
        """End what was not committed; return what its batch is told."""
        match failure:
            case KafkaException() if failure.args[0].txn_requires_abort() and self._abort():
                # one that the broker has ended, because it took too long, looks as if another had this producer's name: nobody has
                reason = self._reason(failure.args[0], wanted)
                return Refused(str(reason)) if isinstance(reason, Fenced) else reason
            case KafkaException():
                self._give_up()
                reason = told(failure.args[0], "the transaction has failed", self._needs)
                return reason if isinstance(reason, Fatal) else Fenced(str(reason))
            case Overdue():
                self._give_up()
                return Unavailable(f"nothing is committed: {failure} from {self._cluster.connection.address}")
            case Unavailable():
                return failure if self._abort() else Fenced(f"nobody knows whether the transaction was written: {failure}")
            case Fatal():
                self._give_up()
                return Fenced(f"the transaction has failed: {failure}")
            case _:
                self._abort()
                return failure

    def _flush(self, producer: Held) -> None:
        """Wait until the broker has all records.

        While all brokers are away the transaction is left alone, instead of being tried again once one is back: it would end with itself
        what is left of the one before.
        """
        while left := flushed(producer, _SLICE):
            if self._has_lost_all:
                raise Overdue(f"no answer to {left} records")
            logger.warning("%d records wait; %s is waited for until it takes them", left, self._cluster.connection.address)
            if self._given_up():
                raise Unavailable(f"{left} records were not taken")

    def _send_offsets(self, producer: Held, offsets: Sequence[TopicPartition], member: Any) -> None:
        """Put the offsets into the transaction; a producer whose broker went away meanwhile can not be trusted to find it again."""
        try:
            self._requests.make(lambda: producer.send_offsets_to_transaction(list(offsets), member, _SLICE), _OFFSETS)
        except KafkaException as error:
            if error.args[0].retriable() and not error.args[0].txn_requires_abort():
                raise Overdue(error.args[0].str()) from error
            raise

    def _end(self, producer: Held) -> None:
        """Commit. A producer that is not answered is given up, and the next one of its name ends what it has begun."""
        try:
            self._again(producer, lambda: producer.commit_transaction(_SLICE), "commit")
        except Overdue as error:
            raise Fenced(f"nobody knows whether the transaction was written: {error}") from error

    def _heard(self, error: KafkaError) -> None:
        """The client has something to tell that no request was told."""
        if error.code() in {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT}:  # noqa: SLF001 - codes
            self._has_lost_one = self._doubts.has_reason = True
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - a code
            self._has_lost_all = True

    def close(self) -> None:
        """Give up the producer; a transaction that is open is ended by the broker, or by whoever takes over."""
        self._give_up()
        self._requests.close()

    def _again(self, producer: Held, request: Callable[[], None], action: str) -> None:
        """Make a request until it is answered, or nobody waits for it any more.

        Raises:
            Overdue: no broker has answered for long; or one does, and this client does not find it: it may wait for a coordinator that is
                none any more.
            Unavailable: it was given up.
        """
        since, deadline = None, time.monotonic() + _PATIENCE
        while (error := refused(request)) is not None:
            producer.poll(0)  # what it has to tell of connections gathers until it is heard
            if not error.retriable() or error.txn_requires_abort():
                raise KafkaException(error)
            logger.warning("%s: %s; %s is tried again until it answers", action, error.str(), self._cluster.connection.address)
            if self._given_up():
                raise Unavailable(f"{action}: {error.str()}")
            since = None if not self._cluster.answers() else since or time.monotonic()
            if time.monotonic() > (deadline if since is None else since + _ASTRAY):
                raise Overdue(f"{action}: {error.str()}")

    def _reason(self, error: KafkaError, wanted: Sequence[Right]) -> KestraError:
        """Return why a transaction was aborted: what its records met, if they met anything."""
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED and (right := self._cluster.rights.missing(wanted)) is not None:
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
        producer, deadline = self._producer, time.monotonic() + _ABORTING
        if producer is None:
            return False
        while (error := refused(lambda: producer.abort_transaction(_SLICE))) is not None:
            if not error.retriable() or time.monotonic() > deadline or self._given_up():
                break
        self._give_up()
        return error is None


def _reported(undelivered: list[tuple[KafkaError, str]], error: KafkaError | None, message: Any) -> None:
    """A record was not delivered, and for what reason. The library keeps for ever whom it would tell of those that it forgets."""
    if error is not None and error.code() not in _GIVEN_UP:
        undelivered.append((error, message.topic()))


def _positions(offsets: Mapping[Place, int], written: str = "") -> list[TopicPartition]:
    return [TopicPartition(*place, offset, written) for place, offset in offsets.items()]


def _rights(records: Sequence[Encoded], offsets: Mapping[Place, int]) -> Sequence[Right]:
    """Return what a transaction takes the right for on topics."""
    return [*dict.fromkeys([*((record.topic, "Write") for record in records), *((topic, "Read") for topic, _ in offsets)])]
