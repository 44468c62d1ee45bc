"""Creates and verifies the topics of the table on a broker; never shrinks or deletes."""

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewPartitions, NewTopic

from kestra_stream.errors import Invalid, KestraError, Unavailable
from kestra_stream.queue.kafka.clients.voice import REFUSALS, voice
from kestra_stream.queue.kafka.topic_layout import TopicLayout, wanted_topics
from kestra_stream.queue.kafka.topic_plan import (
    AddPartitions,
    ChangeProperty,
    CreateTopic,
    FoundTopic,
    Plan,
    plan_topics,
    told_together,
)

logger = logging.getLogger(__name__)
_silent = voice("kestra_stream.kafka.admin", REFUSALS)  # what it would say is told in our own errors

PATIENCE = 30.0
_ABSENT = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNKNOWN_TOPIC_ID})
_UNSEEN = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})
_AWAY = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE})  # noqa: SLF001
_REFUSED = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError.SASL_AUTHENTICATION_FAILED})  # noqa: SLF001
_AFTER = re.compile(r" \(after \d+ms in state \w+[^)]*\)")
_T = TypeVar("_T")


class _NotAllowed(Invalid):
    """The broker knows this client, but not its right to do this."""


class _Heard:
    """What a client has heard of the brokers. Apart from who asks the client: the two would hold each other."""

    def __init__(self) -> None:
        self.most: KafkaError | None = None

    def note(self, error: KafkaError) -> None:
        """Keep what tells most: a refusal, else the newest reason; that all are down is known by then."""
        most = self.most
        if most is None or (most.code() not in _REFUSED and error.code() != KafkaError._ALL_BROKERS_DOWN):  # noqa: SLF001 - a code
            self.most = error


class TopicAdmin:
    """Reads and makes topics.

    Args:
        properties: of the client, as `bootstrap.servers`.
        patience: seconds to wait for the broker.
    """

    def __init__(self, properties: Mapping[str, Any], patience: float = PATIENCE) -> None:
        self._servers = str(properties.get("bootstrap.servers", ""))
        self._patience = patience
        self._heard = _Heard()
        try:
            configuration: dict[str, Any] = {**properties, "error_cb": self._heard.note}
            self._client = AdminClient(configuration, logger=_silent)
        except (KafkaException, ValueError, TypeError) as error:
            raise Invalid(f"kestra.kafka.client.properties: {_text(error)}") from error

    def plan(self, layout: TopicLayout) -> Plan:
        """Compare the table with the broker.

        Raises:
            Unavailable: no broker answers.
            Invalid: the broker refuses this client.
        """
        wanted = wanted_topics(layout)
        return plan_topics(wanted, self.found([topic.name for topic in wanted]), layout.message_bytes)

    def plan_after(self, layout: TopicLayout, done: Plan) -> Plan:
        """Compare again, once it is known what a plan has made: a broker that is asked may not have heard of it for a moment."""
        made, deadline = _makes(done), time.monotonic() + self._patience
        while made.keys() & _makes(plan := self.plan(layout)).keys() and time.monotonic() < deadline:
            time.sleep(0.05)
        return plan

    def found(self, names: Sequence[str]) -> Mapping[str, FoundTopic]:
        """Return those of the topics that are there."""
        described: dict[str, Any] = {}
        unseen: dict[str, FoundTopic] = {}
        futures = self._client.describe_topics(
            TopicCollection(list(names)), include_authorized_operations=True, request_timeout=self._patience
        )
        for name, future in futures.items():
            try:
                description = self._answer(f"describe {name}", future.result, _ABSENT)
            except _NotAllowed:
                unseen[name] = FoundTopic(name, 0, 0, None, frozenset())
                continue
            if description is not None:
                described[name] = description
        properties = self._properties(list(described))
        return {name: _found(name, description, properties[name]) for name, description in described.items()} | unseen

    def broker_properties(self) -> Mapping[str, str] | None:
        """Return the properties of one broker; None when this client may not see them."""
        brokers = self._answer("list the brokers", lambda timeout: self._client.list_topics(timeout=timeout)).brokers
        resource = ConfigResource(ResourceType.BROKER, str(min(brokers)))
        (future,) = self._client.describe_configs([resource], request_timeout=self._patience).values()
        try:
            entries = self._answer("read the settings of a broker", future.result)
        except _NotAllowed:
            return None
        return {name: entry.value for name, entry in entries.items() if entry.value is not None}

    def apply(self, plan: Plan, *, alter: bool) -> None:
        """Do the steps of a plan: what is missing, and with `alter` also the settings that differ; returns when all can be used.

        Raises:
            Invalid: the broker refuses a step.
        """
        creations = [step for step in plan.steps if isinstance(step, CreateTopic)]
        self._create(creations)
        changes = [step for step in plan.steps if isinstance(step, ChangeProperty) and alter]
        for step in plan.steps:
            if isinstance(step, AddPartitions):
                self._add_partitions(step)
        for change in changes:
            self._change(change)
        self._wait_for_changes(changes)
        self._wait_for(_makes(plan))

    def _create(self, steps: Sequence[CreateTopic]) -> None:
        """Another process may make the same topics at the same moment."""
        if not steps:
            return
        topics = [_new_topic(step) for step in steps]
        for name, future in self._client.create_topics(topics, request_timeout=self._patience).items():
            self._answer(f"create {name}", future.result, frozenset({KafkaError.TOPIC_ALREADY_EXISTS}))
        logger.info("topics made: %s", ", ".join(sorted(step.name for step in steps)))

    def _add_partitions(self, step: AddPartitions) -> None:
        futures = self._client.create_partitions([NewPartitions(step.name, step.partitions)], request_timeout=self._patience)
        for future in futures.values():
            self._answer(f"add partitions to {step.name}", future.result, frozenset({KafkaError.INVALID_PARTITIONS}))

    def _change(self, step: ChangeProperty) -> None:
        entry = ConfigEntry(step.property, step.value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, step.name, incremental_configs=[entry])
        for future in self._client.incremental_alter_configs([resource], request_timeout=self._patience).values():
            self._answer(f"set {step.property} of {step.name}", future.result)

    def _properties(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str] | None]:
        if not names:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        futures = self._client.describe_configs(resources, request_timeout=self._patience)
        found: dict[str, Mapping[str, str] | None] = {}
        for resource, future in futures.items():
            try:
                entries = self._answer(f"read the settings of {resource.name}", future.result)
            except _NotAllowed:
                found[resource.name] = None
                continue
            found[resource.name] = {name: entry.value for name, entry in entries.items() if entry.value is not None}
        return found

    def _wait_for_changes(self, steps: Sequence[ChangeProperty]) -> None:
        """A broker that is asked may not have heard of a change for a moment."""
        deadline = time.monotonic() + self._patience
        waiting = list(steps)
        while waiting and time.monotonic() < deadline:
            properties = self._properties(sorted({step.name for step in waiting}))
            waiting = [step for step in waiting if (properties[step.name] or {}).get(step.property) != step.value]
            if waiting:
                time.sleep(0.05)

    def _wait_for(self, partitions: Mapping[str, int]) -> None:
        """A topic that was just made is unknown to some brokers for a moment."""
        deadline = time.monotonic() + self._patience
        waiting = dict(partitions)
        while waiting:
            topics = self._answer("list topics", lambda timeout: self._client.list_topics(timeout=timeout)).topics
            led = {name: sum(part.leader >= 0 for part in topic.partitions.values()) for name, topic in topics.items()}
            waiting = {name: count for name, count in waiting.items() if led.get(name, 0) < count}
            if waiting and time.monotonic() > deadline:
                raise Unavailable(f"{min(waiting)} was made, but its partitions have no leader after {self._patience:g} s")
            if waiting:
                time.sleep(0.05)

    def _answer(self, action: str, result: Callable[[float], _T], expected: frozenset[int] = frozenset()) -> Any:
        """Return what the broker answers, None for an expected error.

        Raises:
            Unavailable: it does not answer.
            Invalid: it refuses.
        """
        try:
            return result(self._patience + 5.0)
        except KafkaException as error:
            code = error.args[0].code()
            if code in expected:
                return None
            raise self._told(action, error.args[0]) from error
        except TimeoutError as error:
            raise self._told(action, KafkaError(KafkaError._TIMED_OUT)) from error  # noqa: SLF001

    def _told(self, action: str, error: KafkaError) -> KestraError:
        self._client.poll(0)
        heard = self._heard.most
        if heard is not None and heard.code() in _REFUSED:
            return Invalid(f"the broker at {self._servers} refuses this client ({_plain(heard)}): look at kestra.kafka.client.properties")
        if error.code() in _AWAY:
            reason = f" ({_plain(heard)})" if heard is not None else ""
            remedy = "start it, or change kestra.kafka.client.properties.bootstrap.servers, or security.protocol beside it"
            return Unavailable(f"no broker answers at {self._servers}{reason}: {remedy}")
        if error.code() == KafkaError.INVALID_REPLICATION_FACTOR:
            remedy = "lower kestra.kafka.defaults.topic.replication-factor (or that of the topic), or start more brokers"
            return Invalid(f"the broker did not {action}: {error.str()} {remedy}")
        if error.code() in _UNSEEN:
            return _NotAllowed(
                f"this user may not {action}: {error.str()}; allow it, or let somebody run `kestra-stream topic create` who may"
            )
        return Invalid(f"the broker did not {action}: {error.str()}")


def ensure_topics(
    properties: Mapping[str, Any], layout: TopicLayout, *, create: bool = True, alter: bool = False, patience: float = PATIENCE
) -> None:
    """Make sure at the start of a server that all topics are there as they must be.

    Args:
        properties: of the client.
        layout: what the settings say about topics.
        create: make what is missing.
        alter: change the settings that differ.
        patience: seconds to wait for the broker.

    Raises:
        Unavailable: no broker answers.
        Invalid: topics are wrong in a way that would lose or block something; all of it is named, with the remedies.
    """
    admin = TopicAdmin(properties, patience)
    plan = admin.plan(layout)
    if create and plan.steps:
        admin.apply(plan, alter=alter)
        plan = admin.plan_after(layout, plan)
    for line in told_together(problem for problem in plan.problems if not problem.is_fatal):
        logger.warning("%s", line)
    if plan.fatal:
        raise Invalid("\n".join(told_together(plan.fatal)))


def _makes(plan: Plan) -> Mapping[str, int]:
    """Return the topics that a plan makes, or makes larger, and how many partitions they will have."""
    return {step.name: step.partitions for step in plan.steps if isinstance(step, CreateTopic | AddPartitions)}


def _plain(error: KafkaError) -> str:
    """Leave out what only a developer of the library wants to know."""
    return _AFTER.sub("", error.str())


def _new_topic(step: CreateTopic) -> NewTopic:
    replicas = -1 if step.replication_factor is None else step.replication_factor
    return NewTopic(step.name, step.partitions, replicas, config=dict(step.properties))


def _found(name: str, description: Any, properties: Mapping[str, str] | None) -> FoundTopic:
    replicas = min((len(partition.replicas) for partition in description.partitions), default=0)
    operations = description.authorized_operations
    return FoundTopic(
        name,
        len(description.partitions),
        replicas,
        properties,
        None if operations is None else frozenset(operation.name for operation in operations),
    )


def _text(error: Exception) -> str:
    first = error.args[0] if error.args else error
    return first.str() if isinstance(first, KafkaError) else str(first)
