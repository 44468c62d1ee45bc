"""Topics on a real broker: made from the table, verified, never shrunk; whatever is wrong is named with its remedy."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from kestra_stream.assembly.topics import prepare_topics
from kestra_stream.cli.topics import create_topics, describe_topics, show_plan, verify_topics
from kestra_stream.errors import Invalid, Unavailable
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.queue.kafka.admin import TopicAdmin
from kestra_stream.queue.kafka.cluster import Cluster
from kestra_stream.queue.kafka.topic_plan import FoundTopic
from kestra_stream.settings import load_settings
from kestra_stream.topics import SERVICE, TOPICS
from tests.services.broker import Broker
from tests.services.kafka import KafkaCluster
from tests.services.process import wait_until
from tests.services.security import Security

Config = Callable[..., Path]


@pytest.fixture
def config(tmp_path: Path, kafka: Broker, prefix: str) -> Config:
    """Write a file of settings for the broker, with topics of the test's own."""

    def write(client: Mapping[str, str] | None = None, **topic: object) -> Path:
        defaults = {"topic-prefix": prefix, "topic": {"partitions": 2, **topic}}
        properties = {**kafka.client, "log_level": 0} if client is None else client
        settings = {
            "queue": {"type": "kafka"},
            "kafka": {"client": {"properties": dict(properties), "start-timeout": "PT15S"}, "defaults": defaults},
        }
        path = tmp_path / "settings.yaml"
        path.write_text(yaml.safe_dump({"kestra": settings}), encoding="utf-8")
        return path

    return write


def prepare(path: Path) -> None:
    prepare_topics(load_settings(path, {}))


def change(kafka: Broker, topic: str, name: str, value: str) -> None:
    """Change a property of a topic; the broker tells of it a moment later."""
    kafka.configure_topic(topic, {name: value})
    admin = TopicAdmin(kafka.client)
    wait_until(lambda: (admin.found([topic])[topic].properties or {}).get(name) == value, 30, f"{name} of {topic} is {value}")


def make(kafka: Broker, topic: str, partitions: int, **properties: str) -> None:
    """Make a topic by hand; the broker tells of it a moment later."""
    kafka.create_topic(topic, partitions, config=properties)
    wait_until(lambda: topic in TopicAdmin(kafka.client).found([topic]), 30, f"{topic} is there")


def documents(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_every_topic_of_the_table_is_made_once(config: Config, kafka: Broker, prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = config()
    assert show_plan(path, ["gpu"], "json") == 0
    assert len(documents(capsys)["steps"]) == len(TOPICS) + 1
    assert verify_topics(path, [], "table") == 1
    assert "is not there" in capsys.readouterr().out
    assert create_topics(path, ["gpu"], "table", alter=False) == 0
    assert kafka.topics(prefix) == {f"{prefix}{topic.name}" for topic in TOPICS} | {f"{prefix}worker_job.gpu"}
    capsys.readouterr()
    assert verify_topics(path, ["gpu"], "table") == 0
    assert show_plan(path, ["gpu"], "table") == 0
    assert create_topics(path, ["gpu"], "table", alter=False) == 0
    assert set(capsys.readouterr().out.splitlines()) == {"all topics are as they must be"}


def test_what_is_there_can_be_looked_at(config: Config, prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(config())
    assert describe_topics(config(), [], "json") == 0
    topics = {topic["name"]: topic for topic in documents(capsys)}
    assert topics[f"{prefix}executor_state"]["partitions"] == 2
    assert topics[f"{prefix}executor_state"]["properties"]["cleanup.policy"] == "compact"
    assert topics[f"{prefix}execution_event"]["properties"]["message.timestamp.type"] == "LogAppendTime"
    assert describe_topics(config(), ["gpu"], "table") == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[1] for row in rows if row.startswith((f"{prefix}kill ", f"{prefix}worker_job.gpu "))] == ["1", "missing"]


def test_a_server_makes_what_is_missing_unless_it_is_told_not_to(config: Config, kafka: Broker, prefix: str) -> None:
    with pytest.raises(Invalid, match=rf"{prefix}execution_inbox, .*: topic: is not there; `kestra-stream topic create` makes it"):
        prepare(config(create=False))
    assert kafka.topics(prefix) == set()
    prepare(config())
    prepare(config(create=False))


def test_a_wrong_cleanup_policy_stops_a_start_and_is_changed_when_asked(config: Config, kafka: Broker, prefix: str) -> None:
    prepare(config())
    change(kafka, f"{prefix}executor_state", "cleanup.policy", "delete")
    with pytest.raises(Invalid, match=rf"{prefix}executor_state: cleanup.policy: is `delete`, but must be `compact`"):
        prepare(config())
    assert create_topics(config(), [], "table", alter=False) == 1
    assert create_topics(config(), [], "table", alter=True) == 0
    prepare(config())


def test_too_few_partitions_stop_a_start_and_only_jobs_get_more(
    config: Config, kafka: Broker, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(config())
    with pytest.raises(Invalid, match="has 2 partitions, 4 are wanted, and more of them would move keys"):
        prepare(config(partitions=4))
    describe_topics(config(), [], "json")
    partitions = {topic["name"].removeprefix(prefix): topic["partitions"] for topic in documents(capsys)}
    assert (partitions["worker_job"], partitions["execution_inbox"]) == (4, 2)
    prepare(config(partitions=1))


def test_a_changelog_that_is_made_later_has_the_partitions_of_its_input(config: Config, kafka: Broker, prefix: str) -> None:
    make(kafka, f"{prefix}execution_inbox", 3)
    prepare(config())
    assert len(kafka.admin().list_topics().topics[f"{prefix}executor_state"].partitions) == 3


def test_a_changelog_with_fewer_partitions_than_its_input_stops_a_start(config: Config, kafka: Broker, prefix: str) -> None:
    make(kafka, f"{prefix}execution_inbox", 4)
    make(kafka, f"{prefix}executor_state", 2, **{"cleanup.policy": "compact"})
    with pytest.raises(Invalid, match=rf"{prefix}executor_state: partitions: has 2 partitions, but {prefix}execution_inbox, whose state"):
        prepare(config())


def test_properties_of_the_settings_are_those_of_the_topics(config: Config, prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(config(properties={"retention.ms": 3_600_000}))
    describe_topics(config(), [], "json")
    assert {topic["properties"]["retention.ms"] for topic in documents(capsys)} == {"3600000"}
    assert show_plan(config(properties={"retention.ms": 60_000}), [], "json") == 0
    assert documents(capsys)["steps"] == []


def test_a_property_that_no_broker_knows_is_named(config: Config) -> None:
    with pytest.raises(Invalid, match=r"did not create .*: Unknown topic config name: retention"):
        prepare(config(properties={"retention": 1}))


def test_more_replicas_than_brokers_are_refused_with_the_broker_s_reason(config: Config) -> None:
    with pytest.raises(Invalid, match=r"did not create .*replicat"):
        prepare(config(**{"replication-factor": 7}))


def test_records_that_the_broker_would_refuse_are_told_before_they_are_sent(config: Config, kafka: Broker, prefix: str) -> None:
    prepare(config())
    change(kafka, f"{prefix}log", "max.message.bytes", "5000")
    with pytest.raises(Invalid, match=rf"{prefix}log: max.message.bytes: is 5000, but records of up to 1000000 bytes are sent"):
        prepare(config())


def test_a_broker_that_is_away_is_named_with_its_setting(config: Config) -> None:
    path = config({"bootstrap.servers": "127.0.0.1:1", "log_level": "0"})
    path.write_text(path.read_text(encoding="utf-8").replace("PT15S", "PT2S"), encoding="utf-8")
    with pytest.raises(Unavailable, match=r"no broker answers at 127\.0\.0\.1:1 .*kestra\.kafka\.client\.properties\.bootstrap\.servers"):
        prepare(path)


def test_the_memory_family_has_no_topics_on_a_broker(tmp_path: Path) -> None:
    path = tmp_path / "memory.yaml"
    path.write_text("kestra: {}\n", encoding="utf-8")
    with pytest.raises(Invalid, match=r"kestra\.queue\.type: only `kafka` has topics on a broker"):
        verify_topics(path, [], "table")


RIGHTS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
    "group.coordinator.rebalance.protocols": "classic",
}


def allow(cluster: KafkaCluster, operation: AclOperation, prefix: str = "guarded_") -> None:
    binding = AclBinding(ResourceType.TOPIC, prefix, ResourcePatternType.PREFIXED, "User:alice", "*", operation, AclPermissionType.ALLOW)
    admin = cluster.administrator.admin()
    for future in admin.create_acls([binding]).values():
        future.result(30)


def answer(path: Path) -> str:
    """Return what a start says that is refused; nothing when it is not."""
    try:
        prepare(path)
    except Invalid as error:
        return str(error)
    return "started"


def test_rights_that_are_missing_are_named_one_by_one_and_an_old_broker_by_what_it_lacks(
    config: Config, kafka_cluster: Callable[..., KafkaCluster]
) -> None:
    cluster = kafka_cluster(security=Security("PLAIN"), properties=RIGHTS)
    path = config({**cluster.broker.client, "log_level": "0"})
    path.write_text(path.read_text(encoding="utf-8").replace(path_prefix(path), "guarded_"), encoding="utf-8")
    all_of_them = "this user may not DESCRIBE, READ, WRITE; allow DESCRIBE, READ, WRITE on topics with this prefix"
    assert all_of_them in answer(path)
    for right, then in (
        (AclOperation.READ, "this user may not create guarded_"),
        (AclOperation.CREATE, "this user may not WRITE; allow WRITE"),
        (AclOperation.WRITE, "started"),
        (AclOperation.DESCRIBE_CONFIGS, "started"),
    ):
        allow(cluster, right)
        wait_until(lambda then=then: then in answer(path), 30, f"{right.name} is allowed: {then}")  # type: ignore[misc]  # the default holds the value of this round
    path.write_text(path.read_text(encoding="utf-8").replace("wonderland", "looking-glass"), encoding="utf-8")
    assert "refuses this client" in answer(path)
    assert "looking-glass" not in answer(path)
    path = config({**cluster.administrator.client, "group.protocol": "consumer", "log_level": "0"})
    assert "the broker does not know the group protocol `consumer`: it needs Kafka 4.0 or newer" in answer(path)


def path_prefix(path: Path) -> str:
    prefix: str = yaml.safe_load(path.read_text(encoding="utf-8"))["kestra"]["kafka"]["defaults"]["topic-prefix"]
    return prefix


def test_a_broker_that_has_not_heard_yet_of_topics_that_were_just_made_is_asked_again(
    config: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of three may lag behind the one that made them."""
    original, asked = TopicAdmin.found, list[int]()

    def lagging(admin: TopicAdmin, names: Sequence[str]) -> Mapping[str, FoundTopic]:
        found = original(admin, names)
        asked.append(len(found))
        return {name: topic for name, topic in found.items() if len(asked) > 3 or not name.endswith(SERVICE.name)}

    monkeypatch.setattr(TopicAdmin, "found", lagging)
    prepare(config())
    assert asked == [0, *(3 * [len(TOPICS)])]
    asked.clear()
    assert create_topics(config(), [], "table", alter=False) == 0
    assert len(asked) == 4
    assert "is not there" not in capsys.readouterr().out


def test_a_topic_that_a_broker_has_not_heard_of_yet_is_looked_up_again(kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make(kafka, f"{prefix}{SERVICE.name}", 2)
    log = KafkaLog(Connection(kafka.client, prefix=prefix))
    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "_ask_for_size", lambda *_: 0)
        with pytest.raises(Unavailable, match="has not heard of the topic"):
            log.cluster.learn([SERVICE])
    log.cluster.learn([SERVICE])
    assert log.cluster.partitions(f"{prefix}{SERVICE.name}") == 2
    log.close()
