"""What all members of one log share: the connection, one producer for plain sends, the sizes of topics, the end of it all."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Event, Lock
from typing import Any, Protocol
from weakref import WeakSet, finalize

from confluent_kafka import IsolationLevel, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from kestra_stream.errors import Invalid, Unavailable
from kestra_stream.queue.kafka.admin import TopicAdmin
from kestra_stream.queue.kafka.clients.open_ends import OpenEnds
from kestra_stream.queue.kafka.clients.rights import Rights
from kestra_stream.queue.kafka.clients.voice import voice
from kestra_stream.queue.kafka.connection import Connection
from kestra_stream.queue.kafka.encoding import Encoding, Payloads
from kestra_stream.queue.kafka.errors import NOT_READY, Needs, forbidden, told
from kestra_stream.queue.kafka.sender import Heard, Sender, unheard
from kestra_stream.queue.kafka.topic_layout import KEPT
from kestra_stream.queue.kafka.topic_plan import CreateTopic
from kestra_stream.queue.kafka.topic_plan import Plan as TopicPlan
from kestra_stream.topics import SERVICE, Topic, is_job_topic

logger = voice("kestra_stream.kafka.client")

Place = tuple[str, int]
"""Name of a topic on the broker, and a partition."""
PATIENCE = 30.0
_END = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library has no types here
_BEGINNING = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # as above
_REQUEST = 5.0
_ANSWER = 0.8
_ANSWER_COUNTS = 2.0


class Closable(Protocol):
    """Something that ends, once or more often."""

    def close(self) -> None:
        """End."""
        ...


class Cluster:
    """One Kafka cluster, as this process uses it. Thread-safe.

    Args:
        payloads: where values lie that are too big for a message.
        heard: told the broker's time with each plain send.
    """

    def __init__(self, connection: Connection, payloads: Payloads | None = None, heard: Heard = unheard) -> None:
        self.connection = connection
        self.encoding = Encoding(self.ensure, connection.message_bytes, payloads)
        self.closed = Event()
        self._admin = AdminClient(connection.admin(), logger=logger)
        self.rights = Rights(self._admin)
        self.open_ends = OpenEnds(self._admin)
        self._counts: dict[str, int] = {}
        self._names: dict[Topic, str] = {}
        self._lock = Lock()
        self._asking = Lock()
        self._answered = (float("-inf"), False)
        self.sender = Sender(connection.producer(), self.partitions, self.forget_sizes, heard)
        self._consumers: WeakSet[Closable] = WeakSet()
        self._at_exit = finalize(self, _leave, self.closed, self._consumers)

    def partitions(self, name: str) -> int:
        """Return how many partitions a topic has, by its name on the broker.

        Raises:
            Unavailable: no broker answers.
            Invalid: there is no such topic.
        """
        count = self._counts.get(name)
        if count is None:
            count = self._ask_for_size(name)
            if count == 0:
                remedy = "a server makes its topics when it starts, and so does `kestra-stream topic create`"
                raise Invalid(f"there is no topic {name} on the broker: {remedy}")
            self._counts[name] = count
        return count

    def writable(self) -> Sequence[Place]:
        """Return the partitions of all topics that were looked up so far and that this client may write to."""
        counts = dict(self._counts)
        return [(name, number) for name in self.rights.writable(counts) for number in range(counts[name])]

    def size_now(self, name: str, timeout: float) -> int:
        """Return how many partitions a topic has by now; 0 where nobody tells in time."""
        try:
            found: Any = self._admin.list_topics(name, timeout=timeout).topics[name]
        except KafkaException:
            return 0
        return 0 if found.error is not None else len(found.partitions)

    def ensure(self, topic: Topic, partitions: int | None = None) -> str:
        """Return the name of a topic on the broker; a missing one is made if the connection says so, a group's always."""
        name = self._names.get(topic)
        if name is None:
            name = self.connection.name(topic)
            with self._lock:
                self._look_up(topic, name, partitions)
            self._names[topic] = name
        return name

    def learn(self, topics: Iterable[Topic]) -> None:
        """Look topics up that are there, so that nobody has to who opens something on them.

        A broker that is asked may not have heard for a moment of one that was just made: whoever sent to it then would be told that it is
        not there.

        Raises:
            Unavailable: no broker answers, or none has heard of a topic.
        """
        for topic in topics:
            name = self.ensure(topic)
            if name not in self._counts:
                del self._names[topic]  # it is looked up again
                raise Unavailable(f"{self.connection.address} has not heard of the topic {name}")

    def _look_up(self, topic: Topic, name: str, partitions: int | None) -> None:
        count = self._counts.get(name) or self._ask_for_size(name)
        if count == 0 and (self.connection.creates or is_job_topic(topic)):
            step = CreateTopic(name, partitions or topic.partitions, self.connection.replication_factor, KEPT[topic.cleanup])
            TopicAdmin(self.connection.admin()).apply(TopicPlan((step,), ()), alter=False)
            count = step.partitions
        if count:
            self._counts[name] = count

    def answers(self) -> bool:
        """Whether a broker answers, as of a moment ago; probes may ask as often as they like, and wait a second at most."""
        with self._asking:
            at, answered = self._answered
            if time.monotonic() - at > _ANSWER_COUNTS:
                answered = self._refresh([self.connection.name(SERVICE)], _ANSWER)
                self._answered = (time.monotonic(), answered)
            return answered

    def _refresh(self, names: Iterable[str], timeout: float) -> bool:
        """Let the administrator learn anew where topics lie: it does not by itself after a broker was started again."""
        self._admin.poll(0)  # what it has to tell of connections that fail gathers until it is heard
        try:
            for name in names:
                self._admin.list_topics(name, timeout=timeout)
        except KafkaException as error:
            logger.debug("no broker answers: %s", error.args[0].str())
            return False
        return True

    def forget_sizes(self) -> None:
        """Ask anew for the number of partitions of each topic, when it is needed: one may have been made again."""
        self._counts.clear()

    def identity(self, name: str) -> str:
        """Return what tells a topic from another one of the same name.

        Raises:
            Unavailable: no broker answers.
        """
        try:
            found = self._admin.describe_topics(TopicCollection([name]), request_timeout=_REQUEST)[name].result(_REQUEST + 1)
        except KafkaException as error:
            raise told(error.args[0], f"topic {name} can not be looked up") from error
        return str(found.topic_id)

    def ends(self, places: Iterable[Place], given_up: Callable[[], bool] = lambda: False) -> Mapping[Place, int]:
        """Return the high watermark of each partition: records of transactions that are not over yet are below it.

        Args:
            places: which partitions.
            given_up: whether somebody waits for this to end.

        Raises:
            Unavailable: no broker answers.
        """
        return self._offsets(places, _END, "end", given_up)

    def beginnings(self, places: Iterable[Place]) -> Mapping[Place, int]:
        """Return the oldest offset of each partition. A client that is told to look for it by itself may take half a second to begin.

        Raises:
            Unavailable: no broker answers.
        """
        return self._offsets(places, _BEGINNING, "beginning", self.closed.is_set)

    def _offsets(self, places: Iterable[Place], kind: Any, name: str, given_up: Callable[[], bool]) -> Mapping[Place, int]:
        wanted, found = set(places), dict[Place, int]()
        deadline = time.monotonic() + PATIENCE
        while wanted:
            is_last = time.monotonic() > deadline or self.closed.is_set() or given_up()
            found |= self._offsets_now(dict.fromkeys(wanted, kind), name, is_last=is_last)
            wanted -= found.keys()
            if wanted:
                self.closed.wait(0.05)
                self._refresh({topic for topic, _ in wanted}, _REQUEST)
        return found

    def _offsets_now(self, wanted: Mapping[Place, Any], name: str, *, is_last: bool) -> Mapping[Place, int]:
        """Ask once; what is not there yet is left out, unless this is the last try."""
        found: dict[Place, int] = {}
        asked = {TopicPartition(*place): kind for place, kind in wanted.items()}
        answers = self._admin.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_REQUEST)
        for place, answer in answers.items():
            try:
                offset = answer.result(_REQUEST + 1).offset
                # of a leader that does not answer the client makes no error, but an offset that is none
                if offset >= 0:
                    found[place.topic, place.partition] = offset
                elif is_last:
                    raise Unavailable(f"the {name} of {place.topic}/{place.partition} is not known: its leader does not answer")
            except TimeoutError as error:
                if is_last:
                    raise Unavailable(f"the {name} of {place.topic} is not known: no broker answers") from error
            except KafkaException as error:
                if is_last or error.args[0].code() not in NOT_READY:
                    raise told(error.args[0], f"the {name} of {place.topic} is not known", Needs(place.topic, "Describe")) from error
        return found

    def close(self) -> None:
        """Stop; every wait ends."""
        self.closed.set()
        self.sender.close()
        if not self._consumers:
            self._at_exit.detach()

    def opened(self, consumer: "Closable") -> None:
        """Remember a consumer: the client library waits for ever, busily, for one that is still open when the process ends."""
        self._consumers.add(consumer)

    def _ask_for_size(self, name: str) -> int:
        """Return how many partitions a topic has; 0 when there is none. A new topic has no leaders for a moment."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                found: Any = self._admin.list_topics(name, timeout=_REQUEST).topics[name]
            except KafkaException as error:
                raise told(error.args[0], f"topic {name} can not be looked up") from error
            if found.error is not None and forbidden(found.error) is not None:
                raise told(found.error, f"topic {name} can not be looked up", Needs(name, "Describe"))
            if found.error is not None and not found.error.retriable():
                return 0
            if found.error is not None and not found.partitions:
                return 0
            if all(part.leader >= 0 for part in found.partitions.values()) or time.monotonic() > deadline:
                return len(found.partitions)
            self.closed.wait(0.05)


def _leave(closed: Event, consumers: WeakSet[Closable]) -> None:
    """At the end of the process: let go of what is open still, each when its thread, if it has one, lets it."""
    closed.set()
    for consumer in tuple(consumers):
        consumer.close()
