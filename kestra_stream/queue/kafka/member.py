"""One member of a consumer group: polls, restores state before the first input of a partition, commits in transactions.

What happens at a rebalance:
    1. the client tells, inside of a poll, what went and what came; that is noted, and nothing else is done there
    2. after that poll, in order: what went is void, and the listener hears of it
    3. for what came, the committed offsets are read, and transactions that this member or the one before has left open are ended
    4. then the state is read up to the end of its topic, and the listener hears of all
    5. only then this member's name is written to them, and records are returned
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Event, Lock
from typing import Any

from confluent_kafka import KafkaError, TopicPartition

from kestra_stream.errors import Fenced, Invalid, Retryable, Unavailable
from kestra_stream.queue import interface as port
from kestra_stream.queue.interface import RebalanceListener, Record, Transaction
from kestra_stream.queue.kafka.cluster import Cluster, Place
from kestra_stream.queue.kafka.errors import ended, is_unreleased, wants_a_new_client
from kestra_stream.queue.kafka.group.claims import Claims
from kestra_stream.queue.kafka.group.client import GroupClient
from kestra_stream.queue.kafka.group.intake import Intake, place_of
from kestra_stream.queue.kafka.group.outlook import Outlook
from kestra_stream.queue.kafka.group.positions import Positions
from kestra_stream.queue.kafka.group.protocol import GroupProtocol
from kestra_stream.queue.kafka.state.changelog import Changelog
from kestra_stream.queue.kafka.state.no_changelog import NoChangelog
from kestra_stream.queue.kafka.state.replay import GivenUp
from kestra_stream.queue.kafka.transactions.doubts import Lost, Standing
from kestra_stream.queue.kafka.transactions.marks import new_name
from kestra_stream.queue.kafka.transactions.transactor import Refused, Transactor
from kestra_stream.topics import Topic

logger = logging.getLogger("kestra_stream.kafka.client")

_SLICE = 0.25
_STALLED = 0.5
_PATIENCE = 60.0


class KafkaMember:
    """Fulfils the port `Consumer`. Not thread-safe, but for `wake` and `close`."""

    def __init__(
        self,
        cluster: Cluster,
        protocol: GroupProtocol,
        group: str,
        topics: Sequence[Topic],
        listener: RebalanceListener | None,
        changelog: Changelog | NoChangelog,
    ) -> None:
        self._cluster = cluster
        self._listener = listener
        self._changelog = changelog
        self._topics = {cluster.ensure(topic): topic for topic in topics}
        self._woken = Event()
        # at the end of a process another thread may close what is polled still: the client library does not survive that
        self._in_use = Lock()
        self._closed = False
        self._outlook = Outlook()
        self._changes: deque[tuple[str, set[Place]]] = deque()
        self._owned: set[Place] = set()
        self._positions = Positions()
        name = new_name(f"{cluster.connection.prefix}{group}")
        self._claims = Claims(cluster, group, name, lambda: self._client.consumer, self._is_given_up)
        self._transactor = Transactor(cluster, group, name, self._is_given_up, self._claims, self._standing)
        self._patient_until = time.monotonic() + _PATIENCE
        self._client = GroupClient(cluster, protocol, group, list(self._topics), self._came, self._revoked, self._went)
        self._intake = Intake(self._client)
        cluster.opened(self)

    # -- polling -------------------------------------------------------------------------------------------------------

    def poll(self, max_records: int, timeout: float) -> Sequence[Record]:
        """Return up to `max_records`; wait at most `timeout` seconds for the first."""
        deadline = time.monotonic() + timeout
        with self._in_use:
            while not (self._closed or self._cluster.closed.is_set()):
                left = deadline - time.monotonic()
                records = self._poll_once(max_records, min(_SLICE, max(left, 0.0)))
                self._outlook.look(self._client.consumer, self._topics, self._owned, self._positions.next)
                if records or left <= 0 or self._woken.is_set():
                    self._woken.clear()
                    return records
            return ()

    def _poll_once(self, most: int, timeout: float) -> Sequence[Record]:
        self._serve_losses()
        if self._client.is_astray(self._owned):
            self._join_anew(self._client.replace)
        for message in self._intake.fetch(most, timeout):
            self._mind(message)  # it may raise, but what came with it is held
        if self._changelog.is_damaged:
            self._begin_anew()
        self._serve_changes()
        if self._transactor.is_in_doubt and self._cluster.answers():
            self._settle()  # others may wait for its records
        if self._changes:
            return ()  # what has come waits until it is known whose it is: nobody reads it again
        messages = self._intake.next(most)
        records = self._taken(messages)
        self._intake.taken(len(messages))  # only now: a value that lies in a storage that is away is asked for again
        return records

    def _mind(self, message: Any) -> None:
        """Do what an error takes that came in place of a record."""
        error: KafkaError = message.error()
        if is_unreleased(error) and time.monotonic() < self._patient_until:
            logger.warning("%s; waiting until the broker notices that the one before is gone", error.str())
            self._cluster.closed.wait(_STALLED)
            self._join_anew(self._client.join_anew)
        elif (trouble := ended(error, "nothing can be read", self._client.needs(message))) is not None:
            if wants_a_new_client(error):
                self._patient_until = time.monotonic() + _PATIENCE  # a static member could not tell that it left
                self._join_anew(self._client.join_anew)
            raise trouble
        else:
            logger.info("%s", error.str())

    def _join_anew(self, join: Callable[[], None]) -> None:
        """Begin with a new client: this one has ended for good, and may not tell that its partitions went."""
        join()
        self._changes.clear()
        self._changes.append(("went", set(self._owned)))
        self._intake.clear()

    def _taken(self, messages: Sequence[Any]) -> Sequence[Record]:
        records = self._cluster.encoding.records(self._topics, messages)
        for message in messages:
            self._positions.polled(place_of(message), message.offset())
        return records

    # -- rebalance -----------------------------------------------------------------------------------------------------

    def _came(self, consumer: Any, places: Sequence[TopicPartition]) -> None:
        del consumer
        if not self._closed:
            self._client.note_membership()
            self._changes.append(("came", {(place.topic, place.partition) for place in places}))

    def _revoked(self, consumer: Any, places: Sequence[TopicPartition]) -> None:
        """Partitions are asked for; those whose offsets are known for certain are let go in good order."""
        self._let_go_of({(place.topic, place.partition) for place in places})
        self._went(consumer, places)

    def _let_go_of(self, places: set[Place]) -> None:
        if not self._changes and self._transactor.is_settled():
            self._claims.let_go(self._positions.committed(self._owned & places))

    def _went(self, consumer: Any, places: Sequence[TopicPartition]) -> None:
        del consumer
        went = {(place.topic, place.partition) for place in places}
        self._intake.forget(went)
        for change, places_of_change in self._changes:
            if change != "went":
                places_of_change.difference_update(went)  # it came and went before anybody heard of it
        if not self._closed:
            self._changes.append(("went", went))

    def _begin_anew(self) -> None:
        """What is in memory cannot be trusted: with the next poll all partitions go, and come again as they are on the broker."""
        self._changes.append(("went", set(self._owned)))
        self._changes.append(("again", set(self._owned)))

    def _serve_losses(self) -> None:
        """Let go of what went, also while a poll was broken off; what came before, and went, is not among what came any more."""
        for change in [change for change in self._changes if change[0] == "went"]:
            self._let_go(frozenset(change[1]))
            self._changes.remove(change)

    def _serve_changes(self) -> None:
        """Take note of what the client told; what cannot be done now is done at the next poll."""
        self._serve_losses()
        while self._changes:
            change, places = self._changes[0]
            try:
                self._take_over(frozenset(places), again=change == "again")
            except (Fenced, GivenUp) as error:
                logger.info("%s: they are given again, or to another", error)
                return
            self._outlook.has_joined = True
            self._changes.popleft()

    def _let_go(self, places: frozenset[Place]) -> None:
        went = places & self._owned
        self._owned -= went
        self._positions.forget(went)
        self._changelog.forget({number for _, number in went})
        if went and self._listener is not None:
            self._listener.revoked(self._named(went))

    def _take_over(self, places: frozenset[Place], *, again: bool) -> None:
        if not (came := places - self._owned):
            return
        self._settle()  # first: it ends what this member itself has left open, whose offsets nobody would be told
        offsets = self._claims.offsets(came)
        stalled = partial(self._claims.end_transactions, came, "committed")  # or their offsets would not have been told
        state = self._changelog.restore({number for _, number in came}, stalled, self._is_given_up)
        self._claims.take(offsets)
        self._positions.begin(offsets)
        if again:
            self._intake.go_back(offsets)
        self._owned |= came
        if self._listener is not None:
            self._listener.assigned(self._named(came), state)

    def _settle(self) -> None:
        """Be certain that the broker has what this member has committed, or begin anew."""
        try:
            self._transactor.settle()
        except Lost:
            self._begin_anew()
            raise

    def _standing(self) -> Standing:
        """Return what the group has given to this member: also what came and is not taken over yet, not what went."""
        return Standing(self._owned.union(*(places for change, places in self._changes if change != "went")), self._client.metadata)

    def _named(self, places: frozenset[Place]) -> frozenset[port.TopicPartition]:
        return frozenset(port.TopicPartition(self._topics[name].name, number) for name, number in places)

    # -- commit --------------------------------------------------------------------------------------------------------

    def commit(self, transaction: Transaction) -> None:
        """Commit offsets, records and state as one. Raises as `Transactor.commit` does; what was polled is void when it was fenced."""
        with self._in_use:
            self._commit(transaction)

    def _commit(self, transaction: Transaction) -> None:
        if self._closed or not self._owned or self._changes:
            raise Fenced("no partitions are in this member's hands")
        records = self._cluster.encoding.outgoing(transaction.records)
        ends = self._changelog.before_commit()
        try:
            records.extend(self._changelog.stage(transaction.state))
            self._transactor.commit(records, self._positions.to_commit(self._owned), self._client.metadata)
        except BaseException as error:
            self._changelog.drop()
            if isinstance(error, Refused):
                self._intake.go_back(self._positions.rewind())  # the next poll tells which partitions went
            elif not isinstance(error, Retryable | Invalid):
                self._begin_anew()
            raise
        self._positions.commit()
        self._keep(ends)

    def _keep(self, ends: Mapping[int, int]) -> None:
        """Let the state follow the commit; where the disk does not take it, everything is read again from the broker."""
        try:
            self._changelog.keep(ends)
        except Unavailable as error:
            self._begin_anew()
            raise Fenced(str(error)) from error

    def rewind(self) -> None:
        """Forget the uncommitted polls."""
        with self._in_use:
            if not self._closed:
                self._intake.go_back(self._positions.rewind())

    # -- life ----------------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """End the wait of the poll that is under way, or of the next one."""
        self._woken.set()

    def close(self) -> None:
        """Leave the group, once what another thread does with this member is over."""
        with self._in_use:
            if self._closed:
                return
            self._let_go_of(self._owned)
            self._closed = True
            self._transactor.close()
            self._changelog.close()
            self._client.leave()

    @property
    def has_joined(self) -> bool:
        """Whether it knows its partitions, none included, and the listener has their state."""
        return self._outlook.has_joined

    @property
    def lags(self) -> Mapping[str, int]:
        """How many records of each topic wait for this member, as far as the client has heard."""
        return self._outlook.lags

    def _is_given_up(self) -> bool:
        return self._closed or self._woken.is_set() or self._cluster.closed.is_set()
