"""Who holds a partition: the offset that is committed for it names the transactions of its holder, so that an heir can end them.

take      a member that is given partitions reads their offsets, ends the transactions of a holder who has not let them go
          (it is dead, or hangs), and writes its own name there before its first transaction
let go    a member that gives partitions up has no open transaction, and takes its name away
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from kestra_stream.errors import KestraError, Unavailable
from kestra_stream.queue.kafka.clients.overdue import make_once
from kestra_stream.queue.kafka.cluster import Cluster, Place
from kestra_stream.queue.kafka.errors import Needs, forbidden, told
from kestra_stream.queue.kafka.transactions.doubts import Told
from kestra_stream.queue.kafka.transactions.leftovers import Leftovers, fence, outsider
from kestra_stream.queue.kafka.transactions.marks import name_of, number_of

logger = logging.getLogger("kestra_stream.kafka.client")

_STALLED = 0.5
_PATIENCE = 20.0
_ENDING = 3.0


class Claims:
    """The names of one member. Not thread-safe.

    Args:
        name: of this member's transactions.
        consumer: gives the member's client.
        given_up: whether somebody waits for this to end.
    """

    def __init__(self, cluster: Cluster, group: str, name: str, consumer: Callable[[], Any], given_up: Callable[[], bool]) -> None:
        self._cluster = cluster
        self._group = group
        self._needs = Needs(group=f"{cluster.connection.prefix}{group}")
        self._name = name
        self._consumer = consumer
        self._given_up = given_up

    def offsets(self, places: Iterable[Place]) -> dict[Place, int]:
        """Return the committed offsets, 0 where there is none; nobody who held the places before can write any more.

        Offsets of a transaction that is still open are not told: a dead member's is ended first. Once they are told, what is open still of
        its last one was committed. A client that has lost its group meanwhile is not waited for: at a poll it finds it, or is replaced.

        Raises:
            KestraError: they can not be read.
        """
        wanted = [TopicPartition(*place) for place in places]
        deadline, wait = time.monotonic() + _PATIENCE, _STALLED
        while True:
            try:
                found = self._consumer().committed(wanted, wait)
            except KafkaException as error:
                if time.monotonic() > deadline or self._given_up() or not self._consumer().memberid():
                    raise self._told(error.args[0], "the committed offsets can not be read") from error
                self.end_transactions(places, "aborted" if wait > _STALLED else "unknown")
                wait = 2.0
            else:
                break
        for place in found:
            if place.error is not None:
                raise told(place.error, f"the committed offset of {place.topic}/{place.partition} can not be read", self._needs)
        self._fence(found, "committed")
        return {(place.topic, place.partition): max(place.offset, 0) for place in found}

    def told(self, places: Iterable[Place], seconds: float, *, asks_anew: bool = False) -> Told:
        """Return what is written beside the offsets of these places.

        One that bears another member's name tells nothing of ours: whoever has taken a partition has ended what was open there.

        Args:
            places: that transactions have written.
            seconds: how long to wait for the broker.
            asks_anew: ask with a client that has seen no trouble, and does not wait for what is open; takes a moment more.

        Raises:
            KafkaException: it is not told in time.
        """
        wanted = [TopicPartition(*place) for place in places]
        found = self._asked_anew(wanted, seconds) if asks_anew else self._consumer().committed(wanted, seconds)
        written = [place.metadata or "" for place in found]
        numbers = (number_of(text, self._name) for text in written if name_of(text) in {"", self._name})
        return Told(max(numbers, default=None), all(name_of(text) == self._name for text in written))

    def end_transactions(self, places: Iterable[Place], leftovers: Leftovers) -> None:
        """End what the holders before us may have left open, whatever is still under way.

        Args:
            places: that they held.
            leftovers: how the broker has ended what it has not marked.
        """
        try:
            with outsider(self._cluster, self._group) as client:
                found = client.committed([TopicPartition(*place) for place in places], _STALLED * 2)
            self._fence(found, leftovers)
        except KafkaException as error:
            logger.info("who held the partitions is not known: %s", error.args[0].str())

    def _asked_anew(self, wanted: Sequence[TopicPartition], seconds: float) -> Sequence[Any]:
        """Ask with a new client, which nobody waits for should it never answer."""
        found: list[Any] = []

        def ask() -> None:
            with outsider(self._cluster, self._group) as client:
                found.extend(client.committed(list(wanted), seconds))

        make_once(ask, seconds + _ENDING, "the committed offsets")
        return found

    def _fence(self, found: Sequence[Any], leftovers: Leftovers) -> None:
        offsets = [(place.topic, place.partition) for place in found]
        for name in sorted({name_of(place.metadata) for place in found if place.metadata} - {self._name}):
            fence(self._cluster, self._group, name, leftovers, offsets)

    def take(self, offsets: Mapping[Place, int]) -> None:
        """Write this member's name to places whose offsets are these.

        Raises:
            Fenced: they are another's by now.
            Unavailable: the broker is away.
        """
        try:
            self._consumer().commit(offsets=self._named(offsets, self._name), asynchronous=False)
        except KafkaException as error:
            raise self._told(error.args[0], "the partitions can not be taken") from error

    def let_go(self, offsets: Mapping[Place, int]) -> None:
        """Take this member's name away, in passing; where that does not succeed the next one ends transactions that are none."""
        if offsets:
            try:
                self._consumer().commit(offsets=self._named(offsets, ""), asynchronous=True)
            except (KafkaException, RuntimeError) as error:
                logger.info("the partitions keep the name of this member: %s", error)

    def _told(self, error: KafkaError, action: str) -> KestraError:
        """Return our error; a client that has ended by something tells what that was with its next poll, and only there."""
        if error.code() == KafkaError._FATAL and forbidden(error) is None:  # noqa: SLF001 - a code
            return Unavailable(f"{action}: {error.str()}")
        return told(error, action, self._needs)

    @staticmethod
    def _named(offsets: Mapping[Place, int], name: str) -> list[TopicPartition]:
        return [TopicPartition(*place, offset, name) for place, offset in offsets.items()]
