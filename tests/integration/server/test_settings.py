"""Every setting has its effect on Kafka: all of them by environment variables, on one engine that is as no default is.

What needs an engine of its own is shown elsewhere, and the table says where.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import ConfigResource, ResourceType

from kestra_stream.assembly.backend import open_backend
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.assembly.server import Component, Server
from kestra_stream.assembly.starting import prepare
from kestra_stream.assembly.watch import Watch
from kestra_stream.cli import main
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.observation.management import Management
from kestra_stream.settings import KafkaTopics, Settings, load_settings
from kestra_stream.settings.environment import variable_of
from kestra_stream.settings.keys import all_keys, compact
from kestra_stream.testing.workers import ENCRYPTION_KEY
from tests.architecture.source_tree import ROOT
from tests.services.broker import Broker
from tests.unit.assembly.polling import until

KAFKA, DEFAULTS = "kestra.kafka", "kestra.kafka.defaults"
TOPICS = tuple(KafkaTopics.model_fields)
HERE = "127.0.0.2"
"""An address of this machine that nothing else listens on."""
FLOW = """
id: shows
namespace: tests.settings
variables: {once: "{{ 1 + 1 }}"}
inputs: [{id: secret, type: SECRET, defaults: hidden-word}, {id: text, type: STRING}]
tasks:
  - id: seen
    type: io.kestra.plugin.core.debug.Return
    workerGroup: {key: few}
    format: "{{ kestra.url }} {{ globals.place }} {{ envs.planet }} {{ vars.once }} {{ '2024-06-01T12:00:00Z' | date('HH:mm') }}"
  - {id: told, type: io.kestra.plugin.core.log.Log, workerGroup: {key: few}}
  - {id: big, type: io.kestra.plugin.core.debug.Return, workerGroup: {key: few}, format: "{{ range(1, 1500) | join('-') }}"}
  - {id: too_big, type: io.kestra.plugin.core.debug.Return, workerGroup: {key: few}, format: "{{ inputs.text }}", allowFailure: true}
  - id: loop
    type: io.kestra.plugin.core.flow.ForEach
    values: [1, 2, 3, 4]
    tasks: [{id: one, type: io.kestra.plugin.core.log.Log, workerGroup: {key: few}}]
"""
PAUSE = "id: waits\nnamespace: tests.settings\ntasks: [{id: wait, type: io.kestra.plugin.core.flow.Pause}]\n"


def settings_of(kafka: Broker, prefix: str, folder: Path) -> dict[str, object]:
    """Each key with a value that is not its default."""
    return {
        "kestra.url": "http://shown.test",
        "kestra.time-zone": "+02:00",
        "kestra.queue.type": "kafka",
        "kestra.storage.type": "local",
        "kestra.storage.local.base-path": folder / "storage",
        "kestra.storage.cleanup.enabled": "false",
        "kestra.kafka.message-bytes": 10_000,
        "kestra.kafka.client.properties": json.dumps({**kafka.client, "client.id": "everybody"}),
        "kestra.kafka.client.instance-id": "the-one",
        f"{DEFAULTS}.topic-prefix": prefix,
        f"{DEFAULTS}.topic.partitions": 3,
        f"{DEFAULTS}.topic.replication-factor": 1,
        f"{DEFAULTS}.topic.properties": "{max.compaction.lag.ms: 7200000}",
        f"{DEFAULTS}.consumer.properties": "{client.id: reads}",
        **{f"{DEFAULTS}.topics.{topic}.properties": f"{{file.delete.delay.ms: {7000 + n}}}" for n, topic in enumerate(TOPICS)},
        **{f"{DEFAULTS}.topics.{topic}.partitions": number for topic, number in PARTITIONS.items()},
        "kestra.server.host": HERE,
        "kestra.server.port": 0,
        "kestra.worker.slots": 5,
        "kestra.worker.group": "few",
        "kestra.worker.spill-bytes": 2048,
        "kestra.worker.most-output-bytes": 20_000,
        "kestra.variables.globals": "{place: north}",
        "kestra.variables.env-vars-prefix": "MY_",
        "kestra.variables.recursive-rendering": "true",
        "kestra.encryption.secret-key": ENCRYPTION_KEY,
        "kestra.plugins.defaults": "[{type: io.kestra.plugin.core.log.Log, values: {message: by default}}]",
        "kestra.engine.most-loop-values": 3,
        "kestra.engine.state.type": "disk",
        "kestra.engine.state.path": folder / "copies",
        "kestra.engine.state.most-live-executions": 1,
    }


PARTITIONS = {"worker_job": 4, "execution_event": 2, "log": 2, "metric": 2, "worker_talk": 2, "limiter_inbox": 2}


@dataclass(frozen=True)
class Seen:
    """The engine after its flow has run."""

    kafka: Broker
    prefix: str
    folder: Path
    server: Server
    management: Management
    document: Mapping[str, Any]

    def run(self, task: str) -> Mapping[str, Any]:
        """The last run of a task."""
        runs: Sequence[Mapping[str, Any]] = self.document["execution"]["taskRunList"]
        return next(run for run in reversed(runs) if run["taskId"] == task)

    def value(self, task: str) -> Any:
        """What a task returned."""
        return self.run(task)["outputs"]["value"]

    def shown(self, place: int) -> str:
        """A word of what the flow has seen of the settings."""
        return str(self.value("seen").split(" ")[place])

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(self.kafka.admin().list_topics(f"{self.prefix}{topic}", timeout=30).topics[f"{self.prefix}{topic}"].partitions)

    def property(self, topic: str, name: str) -> str:
        """A property of a topic."""
        resource = ConfigResource(ResourceType.TOPIC, f"{self.prefix}{topic}")
        admin = self.kafka.admin()
        (asked,) = admin.describe_configs([resource]).values()
        return str(asked.result(30)[name].value)

    def member(self) -> Any:
        """The member of the executors' group."""
        admin = self.kafka.admin()
        (asked,) = admin.describe_consumer_groups([f"{self.prefix}executor"]).values()
        (member,) = asked.result(30).members
        return member

    def has_claims(self) -> bool:
        """Whether a record lies in the storage."""
        reader = Consumer({**self.kafka.client, "group.id": f"{self.prefix}look", "auto.offset.reset": "earliest"})
        try:
            reader.subscribe([f"{self.prefix}execution_inbox"])
            messages = iter(lambda: reader.poll(10), None)
            return any("claim" in dict(message.headers() or ()) for message in messages)
        finally:
            reader.close()

    def listens(self, host: str) -> bool:
        """Whether the management port can be reached there."""
        connection = HTTPConnection(host, self.management.port, timeout=30)
        try:
            connection.request("GET", "/health/liveness")
            return connection.getresponse().status == 200
        except ConnectionRefusedError:
            return False
        finally:
            connection.close()


@pytest.fixture(scope="module")
def seen(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """An engine with all these settings, after a flow has run on it and two others wait."""
    folder, prefix = tmp_path_factory.mktemp("settings"), f"test-{uuid4().hex[:12]}-"
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("KESTRA_")]:
            patch.delenv(name)
        patch.setenv("MY_PLANET", "mars")
        for key, value in settings_of(kafka, prefix, folder).items():
            patch.setenv(variable_of(key), str(value))
        settings, clock = load_settings(None, os.environ), SystemClock()
        prepare(settings, clock)
        server = Server(Component.STANDALONE, Equipment(settings, open_backend(settings, clock), clock))
        management = Watch(server).listen()
        server.start()
        try:
            until(lambda: all(loop.has_joined for loop in server.loops.values()))
            document = json.loads(printed(patch, folder, FLOW, "-i", f"text={'x' * 30_000}"))
            for _ in range(2):
                printed(patch, folder, PAUSE, "--on-pause", "stop")
            yield Seen(kafka, prefix, folder, server, management, document)
        finally:
            management.close()
            server.stop(0.0)
            kafka.delete_topics(kafka.topics(prefix))


def printed(patch: pytest.MonkeyPatch, folder: Path, flow: str, *arguments: str) -> str:
    """What `run` prints."""
    path, told = folder / "flow.yaml", folder / "told.json"
    path.write_text(flow, encoding="utf-8")
    with told.open("w", encoding="utf-8") as file:
        patch.setattr("sys.stdout", file)
        patch.setattr("sys.argv", ["kestra-stream", "run", str(path), "-o", "json", *arguments])
        with pytest.raises(SystemExit):
            main.main()
    return told.read_text(encoding="utf-8")


EFFECTS: dict[str, Callable[[Seen], bool]] = {
    "kestra.url": lambda seen: seen.shown(0) == "http://shown.test",
    "kestra.time-zone": lambda seen: seen.shown(4) == "14:00",
    "kestra.queue.type": lambda seen: seen.server.equipment.backend.family == "kafka",
    "kestra.storage.type": lambda seen: any((seen.folder / "storage" / "main").rglob("*")),
    "kestra.storage.local.base-path": lambda seen: any((seen.folder / "storage" / "main").rglob("*")),
    "kestra.storage.cleanup.enabled": lambda _: "the cleaner" not in {thread.name for thread in threading.enumerate()},
    "kestra.kafka.message-bytes": Seen.has_claims,
    "kestra.kafka.client.properties": lambda seen: seen.server.equipment.backend.answers(),
    "kestra.kafka.client.instance-id": lambda seen: seen.member().group_instance_id == "the-one",
    f"{DEFAULTS}.topic-prefix": lambda seen: len(seen.kafka.topics(seen.prefix)) >= len(TOPICS),
    f"{DEFAULTS}.topic.partitions": lambda seen: seen.partitions("execution_inbox") == 3,
    f"{DEFAULTS}.topic.properties": lambda seen: seen.property("flow", "max.compaction.lag.ms") == "7200000",
    f"{DEFAULTS}.consumer.properties": lambda seen: seen.member().client_id == "reads",
    "kestra.server.host": lambda seen: seen.listens(HERE) and not seen.listens("127.0.0.1"),
    "kestra.server.port": lambda seen: seen.management.port != 8081,
    "kestra.worker.slots": lambda seen: seen.server.worker is not None and seen.server.worker.limits.slots == 5,
    "kestra.worker.group": lambda seen: seen.partitions("worker_job.few") == 4 and seen.run("told")["state"]["current"] == "SUCCESS",
    "kestra.worker.spill-bytes": lambda seen: "$spilled" in seen.value("big"),
    "kestra.worker.most-output-bytes": lambda seen: seen.run("too_big")["state"]["current"] == "WARNING",
    "kestra.variables.globals": lambda seen: seen.shown(1) == "north",
    "kestra.variables.env-vars-prefix": lambda seen: seen.shown(2) == "mars",
    "kestra.variables.recursive-rendering": lambda seen: seen.shown(3) == "2",
    "kestra.encryption.secret-key": lambda seen: "hidden-word" not in json.dumps(seen.document),
    "kestra.plugins.defaults": lambda seen: "by default" in [line["message"] for line in seen.document["logs"]],
    "kestra.engine.most-loop-values": lambda seen: seen.run("loop")["state"]["current"] == "FAILED",
    "kestra.engine.state.type": lambda seen: any((seen.folder / "copies").rglob("*")),
    "kestra.engine.state.path": lambda seen: any((seen.folder / "copies").rglob("*")),
    "kestra.engine.state.most-live-executions": lambda seen: seen.server.executor is not None and seen.server.executor.live_executions == 1,
    **{
        f"{DEFAULTS}.topics.{topic.replace('_', '-')}.properties": lambda seen, n=n, topic=topic: (  # type: ignore[misc]  # bound by its default
            seen.property(topic, "file.delete.delay.ms") == str(7000 + n)
        )
        for n, topic in enumerate(TOPICS)
    },
    **{
        f"{DEFAULTS}.topics.{topic.replace('_', '-')}.partitions": lambda seen, topic=topic, number=number: (  # type: ignore[misc]  # as above
            seen.partitions(topic) == number
        )
        for topic, number in PARTITIONS.items()
    },
}
ELSEWHERE = {
    "kestra.repository": "tests/unit/assembly/test_backend.py",
    "kestra.retries": "tests/integration/storage/test_bucket_settings.py",
    "kestra.storage.options": "tests/unit/plugin/test_registry.py",
    "kestra.storage.s3": "tests/integration/storage/test_door.py tests/integration/storage/test_bucket_settings.py",
    "kestra.storage.minio": "tests/integration/storage/test_door.py tests/integration/storage/test_bucket_settings.py",
    "kestra.storage.cleanup": "tests/unit/runtime/test_orphans.py",
    "kestra.kafka.client.start-timeout": "tests/integration/server/test_server.py",
    f"{DEFAULTS}.topic.create": "tests/integration/topics/test_topics.py",
    f"{DEFAULTS}.topic.alter": "tests/integration/topics/test_topics.py",
    f"{DEFAULTS}.topic.replication-factor": "tests/integration/server/test_refusals.py",
    f"{DEFAULTS}.producer.properties": "tests/unit/queue/kafka/test_properties.py",
    f"{DEFAULTS}.topics": "tests/unit/queue/kafka/test_topic_plan.py",
    "kestra.server.termination-grace-period": "tests/integration/faults/test_lost_worker.py",
    "kestra.server.liveness.heartbeat-interval": "tests/integration/faults/test_lost_worker.py",
    "kestra.server.liveness.timeout": "tests/integration/faults/test_lost_worker.py",
    "kestra.server.liveness.step-timeout": "tests/unit/assembly/test_server.py",
}
KEYS = [key for key, _ in all_keys(Settings)]


@pytest.mark.parametrize("key", EFFECTS)
def test_a_setting_has_its_effect_on_kafka(key: str, seen: Seen) -> None:
    assert EFFECTS[key](seen)


@pytest.mark.parametrize("key", [key for key in KEYS if key not in EFFECTS])
def test_what_has_its_effect_elsewhere_is_tested_there(key: str) -> None:
    """The nearest entry of the table names the test, which names the key."""
    places = [place for place in ELSEWHERE if key == place or key.startswith(f"{place}.")]
    assert places, f"the effect of {key} is shown nowhere"
    files = ELSEWHERE[max(places, key=len)].split()
    texts = [(ROOT / file).read_text(encoding="utf-8") for file in files]
    assert any(compact(key.rpartition(".")[2]) in compact(text) for text in texts), f"{' and '.join(files)} do not name {key}"


def test_the_tables_name_no_key_that_there_is_not() -> None:
    assert set(EFFECTS) <= set(KEYS)
    assert [place for place in ELSEWHERE if not any(key == place or key.startswith(f"{place}.") for key in KEYS)] == []
