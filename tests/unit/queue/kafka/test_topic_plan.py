"""The laws of topics on a broker: what is missing is made, what is there is never shrunk, and what would break a promise is told."""

from dataclasses import replace

import pytest

from kestra_stream.errors import Invalid
from kestra_stream.queue.kafka.topic_layout import TopicLayout, TopicOverride, WantedTopic, job_topic_name, wanted_topics
from kestra_stream.queue.kafka.topic_plan import AddPartitions, ChangeProperty, CreateTopic, FoundTopic, Plan, plan_topics, problems_left
from kestra_stream.topics import TOPICS

LAYOUT = TopicLayout(prefix="p_", partitions=8, replication_factor=3)
WANTED = {topic.topic.name: topic for topic in wanted_topics(LAYOUT)}


def as_wanted(topic: WantedTopic) -> FoundTopic:
    return FoundTopic(topic.name, topic.partitions, topic.replication_factor or 1, {"max.message.bytes": "1048588", **topic.properties})


def plan(*changed: FoundTopic, layout: TopicLayout = LAYOUT, without: str = "") -> Plan:
    found = {topic.name: as_wanted(topic) for topic in WANTED.values()}
    found |= {topic.name: topic for topic in changed}
    found.pop(without, None)
    return plan_topics(wanted_topics(layout), found, layout.message_bytes)


def changed(name: str, **properties: str) -> FoundTopic:
    topic = as_wanted(WANTED[name])
    return replace(topic, properties={**(topic.properties or {}), **{key.replace("_", "."): value for key, value in properties.items()}})


def test_what_is_as_it_must_be_needs_nothing() -> None:
    assert plan() == Plan()


def test_an_empty_broker_gets_every_topic_of_the_table() -> None:
    steps = plan_topics(tuple(WANTED.values()), {}, 1000).steps
    assert [step.name for step in steps] == [f"p_{topic.name}" for topic in TOPICS]
    assert all(isinstance(step, CreateTopic) for step in steps)


def test_after_its_steps_nothing_is_left_of_an_empty_broker() -> None:
    assert list(problems_left(plan_topics(tuple(WANTED.values()), {}, 1000), alter=False)) == []


def test_a_topic_of_one_partition_is_not_split_by_the_default() -> None:
    assert WANTED["flow"].partitions == WANTED["kill"].partitions == 1
    assert WANTED["log"].partitions == 8


def test_what_is_said_of_one_topic_goes_before_what_is_said_of_all() -> None:
    layout = replace(LAYOUT, overrides={"log": TopicOverride(partitions=3, replication_factor=1, properties={"retention.ms": "5"})})
    topic = next(topic for topic in wanted_topics(layout) if topic.topic.name == "log")
    assert (topic.partitions, topic.replication_factor, topic.properties["retention.ms"]) == (3, 1, "5")


def test_a_changelog_follows_its_input() -> None:
    layout = replace(LAYOUT, overrides={"execution_inbox": TopicOverride(partitions=32)})
    assert next(topic for topic in wanted_topics(layout) if topic.topic.name == "executor_state").partitions == 32


def test_a_missing_changelog_gets_as_many_partitions_as_the_input_has() -> None:
    inbox = replace(as_wanted(WANTED["execution_inbox"]), partitions=20)
    (step,) = plan(inbox, without="p_executor_state").steps
    assert isinstance(step, CreateTopic)
    assert step.partitions == 20


def test_a_changelog_with_fewer_partitions_than_its_input_is_fatal() -> None:
    (problem,) = plan(replace(as_wanted(WANTED["execution_inbox"]), partitions=20)).fatal
    assert problem.topic == "p_executor_state"
    assert "p_execution_inbox, whose state it keeps, has 20" in problem.message


def test_partitions_are_not_added_where_keys_would_move() -> None:
    found = plan(replace(as_wanted(WANTED["log"]), partitions=4))
    assert found.steps == ()
    (problem,) = found.fatal
    assert "kestra.kafka.defaults.topics.TOPIC.partitions) to 4" in problem.remedy


def test_partitions_are_added_where_the_place_of_a_key_means_nothing() -> None:
    found = plan(replace(as_wanted(WANTED["worker_job"]), partitions=4))
    assert found.steps == (AddPartitions("p_worker_job", 4, 8),)
    assert list(problems_left(found, alter=False)) == []


def test_more_partitions_than_asked_for_are_left_alone() -> None:
    assert plan(replace(as_wanted(WANTED["log"]), partitions=400)) == Plan()


@pytest.mark.parametrize(
    ("name", "policy"), [("executor_state", "delete"), ("executor_state", "compact,delete"), ("execution_event", "compact")]
)
def test_a_wrong_cleanup_policy_is_fatal_and_only_changed_when_asked(name: str, policy: str) -> None:
    found = plan(changed(name, cleanup_policy=policy))
    assert [problem.setting for problem in found.fatal] == ["cleanup.policy"]
    assert [type(step) for step in found.steps] == [ChangeProperty]
    assert list(problems_left(found, alter=False)) == list(found.problems)
    assert list(problems_left(found, alter=True)) == []


def test_what_is_kept_longer_is_left_alone() -> None:
    assert plan(changed("log", retention_ms="-1")) == Plan()


def test_what_is_kept_too_short_is_a_risk_that_is_told() -> None:
    (problem,) = plan(changed("execution_event", retention_ms="1000")).problems
    assert not problem.is_fatal
    assert problem.setting == "retention.ms"


def test_more_replicas_in_sync_than_there_are_is_fatal_fewer_a_risk_that_is_told() -> None:
    assert [problem.is_fatal for problem in plan(changed("flow", min_insync_replicas="4")).problems] == [True]
    assert [problem.is_fatal for problem in plan(changed("flow", min_insync_replicas="1")).problems] == [False]
    assert plan(changed("flow", min_insync_replicas="3")) == Plan()


def test_a_broker_that_refuses_our_largest_record_is_fatal() -> None:
    (problem,) = plan(changed("log", max_message_bytes="1000")).fatal
    assert problem.setting == "max.message.bytes"


def test_a_missing_right_is_fatal() -> None:
    rights = frozenset({"DESCRIBE", "READ"})
    (problem,) = plan(replace(as_wanted(WANTED["log"]), operations=rights)).fatal
    assert problem.setting == "ACL"
    assert "WRITE" in problem.message
    assert "READ" not in problem.message


def test_tuning_that_differs_is_no_problem_but_can_be_changed() -> None:
    found = plan(changed("executor_state", segment_ms="1"))
    assert found.problems == ()
    assert found.steps == (ChangeProperty("p_executor_state", "segment.ms", "1", "600000"),)


def test_a_worker_group_has_a_job_topic_of_its_own() -> None:
    layout = replace(LAYOUT, worker_groups=("gpu",), overrides={"worker_job.gpu": TopicOverride(partitions=2)})
    (topic,) = [topic for topic in wanted_topics(layout) if topic.name == "p_worker_job.gpu"]
    assert (topic.partitions, topic.can_grow) == (2, True)


@pytest.mark.parametrize("group", ["", "a group", "a/b", "ü", "x" * 300])
def test_a_group_whose_name_fits_no_topic_is_refused(group: str) -> None:
    with pytest.raises(Invalid, match="worker group"):
        job_topic_name(LAYOUT, group)


def test_settings_of_a_topic_that_is_not_in_the_table_are_refused() -> None:
    with pytest.raises(Invalid, match=r"names `logs`, but the topics are dead_letter, "):
        TopicLayout(overrides={"logs": TopicOverride()})


def test_a_prefix_that_no_topic_can_have_is_refused() -> None:
    with pytest.raises(Invalid, match="letters"):
        TopicLayout(prefix="my topics/")
