"""What is to be done so that the topics on a broker are those that must be there. Pure: (wanted, found) -> plan.

A step only ever adds: a missing topic, partitions where keys may move, a setting that keeps or guarantees more. What would move keys,
or remove what is kept, is told as a problem with its remedy and left to a person.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kestra_stream.queue.kafka.topic_layout import WantedTopic

FOR_EVER = -1
ALTER = "`kestra-stream topic create --alter`"


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic as it is on the broker.

    Attributes:
        partitions: 0 when this user may not even see it.
        replicas: the smallest number that a partition has.
        properties: None when this user may not see them.
        operations: what this user may do with it; None when the broker does not tell.
    """

    name: str
    partitions: int
    replicas: int
    properties: Mapping[str, str] | None
    operations: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class CreateTopic:
    """A topic is missing."""

    name: str
    partitions: int
    replication_factor: int | None
    properties: Mapping[str, str]
    kind: Literal["create"] = "create"

    def __str__(self) -> str:
        """Say it in a line."""
        return f"create {self.name} with {self.partitions} partition{'s' if self.partitions > 1 else ''}"


@dataclass(frozen=True, slots=True)
class AddPartitions:
    """A topic whose keys may move has too few partitions."""

    name: str
    present: int
    partitions: int
    kind: Literal["add_partitions"] = "add_partitions"

    def __str__(self) -> str:
        """Say it in a line."""
        return f"add partitions to {self.name}: {self.partitions} instead of {self.present}"


@dataclass(frozen=True, slots=True)
class ChangeProperty:
    """A setting of a topic differs from what is wanted; done only when asked for."""

    name: str
    property: str
    present: str | None
    value: str
    kind: Literal["change_property"] = "change_property"

    def __str__(self) -> str:
        """Say it in a line."""
        return f"change {self.name}: {self.property}={self.value} instead of {self.present}"


Step = CreateTopic | AddPartitions | ChangeProperty


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a topic, and what to do.

    Attributes:
        is_fatal: work on such a topic would lose or block something; otherwise it is a risk that is told.
        has_step: a step of the plan ends it.
    """

    topic: str
    setting: str
    message: str
    remedy: str
    is_fatal: bool = True
    has_step: bool = False

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.topic}: {self.setting}: {self.message}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps, and all problems that are there before them."""

    steps: tuple[Step, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def fatal(self) -> tuple[Problem, ...]:
        """The problems with which no server may start."""
        return tuple(problem for problem in self.problems if problem.is_fatal)


@dataclass(slots=True)
class _Draft:
    """A plan that is being made."""

    steps: list[Step] = field(default_factory=list[Step])
    problems: list[Problem] = field(default_factory=list[Problem])


def plan_topics(wanted: Sequence[WantedTopic], found: Mapping[str, FoundTopic], message_bytes: int) -> Plan:
    """Compare what must be there with what is there.

    Args:
        wanted: what must be there.
        found: what is there, by its name.
        message_bytes: the largest record that is sent.
    """
    draft = _Draft()
    for topic in wanted:
        present = found.get(topic.name)
        if present is None:
            _create(topic, found, draft)
            continue
        _check_operations(topic, present, draft)
        if present.partitions:
            _check_partitions(topic, present, draft)
            _check_beside(topic, present, found, draft)
        if present.properties is not None:
            _check_cleanup(topic, present, draft)
            _check_replicas(topic, present, draft)
            _check_properties(topic, present, draft)
            _check_size(present, message_bytes, draft)
    return Plan(tuple(draft.steps), tuple(draft.problems))


def _create(topic: WantedTopic, found: Mapping[str, FoundTopic], draft: _Draft) -> None:
    """A changelog gets as many partitions as the input that is there already."""
    beside = found.get(topic.beside) if topic.beside else None
    partitions = max(topic.partitions, beside.partitions) if beside else topic.partitions
    draft.steps.append(CreateTopic(topic.name, partitions, topic.replication_factor, topic.properties))
    draft.problems.append(Problem(topic.name, "topic", "is not there", "`kestra-stream topic create` makes it", has_step=True))


def _check_partitions(topic: WantedTopic, present: FoundTopic, draft: _Draft) -> None:
    if present.partitions >= topic.partitions:
        return
    counts = f"has {present.partitions} partitions, {topic.partitions} are wanted"
    if topic.can_grow:
        draft.steps.append(AddPartitions(topic.name, present.partitions, topic.partitions))
        draft.problems.append(Problem(topic.name, "partitions", counts, "`kestra-stream topic create` adds them", has_step=True))
        return
    draft.problems.append(
        Problem(
            topic.name,
            "partitions",
            f"{counts}, and more of them would move keys away from their records and state",
            f"set kestra.kafka.defaults.topic.partitions (or kestra.kafka.defaults.topics.TOPIC.partitions) to {present.partitions}, "
            "or make new topics under another kestra.kafka.defaults.topic-prefix once all executions have ended",
        )
    )


def _check_beside(topic: WantedTopic, present: FoundTopic, found: Mapping[str, FoundTopic], draft: _Draft) -> None:
    beside = found.get(topic.beside) if topic.beside else None
    if beside is None or present.partitions >= beside.partitions:
        return
    draft.problems.append(
        Problem(
            topic.name,
            "partitions",
            f"has {present.partitions} partitions, but {beside.name}, whose state it keeps, has {beside.partitions}",
            f"it needs as many: add {beside.partitions - present.partitions} with the broker's tools before the first execution, "
            "or make new topics under another kestra.kafka.defaults.topic-prefix",
        )
    )


def _check_cleanup(topic: WantedTopic, present: FoundTopic, draft: _Draft) -> None:
    wanted, is_now = topic.properties["cleanup.policy"], _property(present, "cleanup.policy") or ""
    if set(wanted.split(",")) == {part.strip() for part in is_now.split(",")}:
        return
    loss = "old state would be deleted by age" if wanted == "compact" else "older records of a key would be removed"
    _change(topic, present, "cleanup.policy", draft)
    draft.problems.append(
        Problem(topic.name, "cleanup.policy", f"is `{is_now}`, but must be `{wanted}`: {loss}", f"{ALTER} changes it", has_step=True)
    )


def _check_replicas(topic: WantedTopic, present: FoundTopic, draft: _Draft) -> None:
    in_sync = int(_property(present, "min.insync.replicas") or 1)
    if in_sync > present.replicas:
        message = f"is {in_sync}, but the topic has only {present.replicas} replicas: no record can be written"
        draft.problems.append(Problem(topic.name, "min.insync.replicas", message, "lower it, or add replicas, with the broker's tools"))
    if topic.replication_factor is not None and present.replicas < topic.replication_factor:
        message = f"has {present.replicas} replicas, {topic.replication_factor} are wanted"
        draft.problems.append(
            Problem(topic.name, "replication factor", message, "reassign its partitions with the broker's tools", is_fatal=False)
        )
    if _property(present, "unclean.leader.election.enable") == "true":
        message = "lets a replica lead that lacks acknowledged records"
        draft.problems.append(Problem(topic.name, "unclean.leader.election.enable", message, "set it to false", is_fatal=False))


def _check_properties(topic: WantedTopic, present: FoundTopic, draft: _Draft) -> None:
    for name, value in topic.properties.items():
        is_now = _property(present, name)
        if name == "cleanup.policy" or is_now == value or (name in _ORDERED and _is_at_least(is_now, value)):
            continue
        _change(topic, present, name, draft)
        is_aged = "delete" in topic.properties["cleanup.policy"] or not name.startswith("retention.")
        if is_aged and (name in _ORDERED or name == "message.timestamp.type"):
            message = f"is {is_now}, {value} is wanted: {_MEANING[name]}"
            draft.problems.append(Problem(topic.name, name, message, f"{ALTER} changes it", is_fatal=False, has_step=True))


def _check_size(present: FoundTopic, message_bytes: int, draft: _Draft) -> None:
    most = int(_property(present, "max.message.bytes") or message_bytes)
    if most < message_bytes:
        message = f"is {most}, but records of up to {message_bytes} bytes are sent"
        draft.problems.append(
            Problem(present.name, "max.message.bytes", message, "raise it, or lower message.max.bytes in kestra.kafka.client.properties")
        )


def _check_operations(topic: WantedTopic, present: FoundTopic, draft: _Draft) -> None:
    if present.operations is None:
        return
    missing = [operation for operation in ("DESCRIBE", "READ", "WRITE") if operation not in present.operations]
    if missing:
        message = f"this user may not {', '.join(missing)}"
        draft.problems.append(Problem(topic.name, "ACL", message, f"allow {', '.join(missing)} on topics with this prefix"))
    elif present.properties is None:
        message = "this user may not DESCRIBE_CONFIGS, so that properties of the topic are not verified"
        draft.problems.append(Problem(topic.name, "ACL", message, "allow DESCRIBE_CONFIGS on topics with this prefix", is_fatal=False))


_MEANING: Mapping[str, str] = {
    "retention.ms": "records are deleted earlier than they should be",
    "retention.bytes": "records are deleted earlier than they should be",
    "min.insync.replicas": "the loss of one broker may lose records",
    "message.timestamp.type": "a process whose clock is wrong decides how long its records are kept, or is refused",
}
# Settings that guarantee more when they are higher; what is higher already is left as it is.
_ORDERED = frozenset({"retention.ms", "retention.bytes", "min.insync.replicas", "max.message.bytes"})


def _property(present: FoundTopic, name: str) -> str | None:
    return None if present.properties is None else present.properties.get(name)


def _is_at_least(present: str | None, wanted: str) -> bool:
    try:
        is_now, least = int(present or ""), int(wanted)
    except ValueError:
        return False
    return is_now == FOR_EVER or (least != FOR_EVER and is_now >= least)


def _change(topic: WantedTopic, present: FoundTopic, name: str, draft: _Draft) -> None:
    draft.steps.append(ChangeProperty(topic.name, name, _property(present, name), topic.properties[name]))


def problems_left(plan: Plan, *, alter: bool) -> Iterator[Problem]:
    """Return the problems that stay when the steps have been done (changes of settings only with `alter`)."""
    changed = {(step.name, step.property) for step in plan.steps if isinstance(step, ChangeProperty)}
    for problem in plan.problems:
        if not problem.has_step or (not alter and (problem.topic, problem.setting) in changed):
            yield problem


def told_together(problems: Iterable[Problem]) -> Iterator[str]:
    """Say each problem once, with all the topics that have it."""
    topics: dict[tuple[str, str, str], list[str]] = {}
    for problem in problems:
        topics.setdefault((problem.setting, problem.message, problem.remedy), []).append(problem.topic)
    for (setting, message, remedy), names in topics.items():
        yield f"{', '.join(names)}: {setting}: {message}; {remedy}"
