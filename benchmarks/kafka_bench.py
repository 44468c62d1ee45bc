"""What the benchmarks on Kafka share: a broker of their own, servers as processes with their CPU time, a starter, an observer."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psutil
import yaml
from confluent_kafka import Consumer, TopicPartition

from kestra_stream.assembly.backend import open_backend
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_input import Create
from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.state import State
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.queue.interface import Outgoing
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.identity import new_id
from kestra_stream.settings import load_settings
from kestra_stream.topics import EXECUTION_EVENT, EXECUTION_INBOX, FLOW
from tests.services.kafka import KafkaCluster

COMMAND = str(Path(sys.executable).with_name("kestra-stream"))
SERVER_JVM = ("-Xms512m", "-Xmx1g", "-XX:+UseG1GC")
_END = b'"finished":true'


@contextmanager
def broker() -> Iterator[str]:
    """Give the address of a broker that is gone after the block."""
    with KafkaCluster(jvm=SERVER_JVM) as cluster:
        yield cluster.broker.client["bootstrap.servers"]


class World:
    """Topics of one's own on a broker, and the servers that work on them."""

    def __init__(self, servers: str, folder: Path, partitions: int = 4, settings: Mapping[str, object] | None = None) -> None:
        self.config = folder / "kestra.yaml"
        self._folder = folder
        self.prefix = f"bench-{uuid4().hex[:8]}-"
        self._processes: list[tuple[str, psutil.Popen]] = []
        document = {
            "queue": {"type": "kafka"},
            "kafka": {
                "client": {"properties": {"bootstrap.servers": servers}},
                "defaults": {"topic-prefix": self.prefix, "topic": {"partitions": partitions}},
            },
            "storage": {"type": "local", "local": {"base-path": str(folder / "storage")}},
            "server": {"port": 0},
            **(settings or {}),
        }
        self.config.write_text(yaml.safe_dump({"kestra": document}), encoding="utf-8")
        subprocess.run([COMMAND, "topic", "create", "-c", str(self.config)], check=True, capture_output=True)  # noqa: S603
        self.backend = open_backend(load_settings(self.config, {}), SystemClock())
        self.equipment = Equipment(load_settings(self.config, {}), self.backend)
        self.servers = servers

    def start(self, *components: str) -> None:
        """Start servers, as `executor` or `worker -t 16`."""
        for component in components:
            log = (self._folder / f"{component.split()[0]}-{len(self._processes)}.log").open("w")
            process = psutil.Popen([COMMAND, "server", *component.split(), "-c", str(self.config)], stdout=log, stderr=log)
            self._processes.append((component.split()[0], process))

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU of the servers so far, by component."""
        found: dict[str, float] = {}
        for name, process in self._processes:
            times = process.cpu_times()
            found[name] = found.get(name, 0.0) + times.user + times.system
        return found

    def flow(self, source: str) -> Flow:
        """Register a flow."""
        flow = parse_flow(source).model_copy(update={"revision": 1})
        saved = FlowSource("main", flow.namespace, flow.id, 1, source, {})
        self.backend.log.send([Outgoing(FLOW, f"{flow.namespace}/{flow.id}", saved)])
        return flow

    def execute(self, flow: Flow, count: int = 1) -> list[str]:
        """Start executions; return their ids once the log has them."""
        now = self.equipment.clock.now()
        head = Execution("", flow.namespace, flow.id, 1, State.created(now))
        heads = [replace(head, id=new_id()) for _ in range(count)]
        self.backend.log.send([Outgoing(EXECUTION_INBOX, head.id, Create(head)) for head in heads])
        return [head.id for head in heads]

    def close(self) -> None:
        """Stop the servers."""
        for _, process in self._processes:
            process.terminate()
        for _, process in self._processes:
            process.wait(30)
        self.equipment.table.close()
        self.backend.log.close()


@contextmanager
def world(servers: str, *components: str, **options: int) -> Generator[World, None, None]:
    """Run servers for as long as the block lasts; they have worked once when it begins."""
    with tempfile.TemporaryDirectory() as folder:
        one = World(servers, Path(folder), **options)
        try:
            one.start(*components)
            yield one
        finally:
            one.close()


class Observer:
    """Counts the executions that end, from the events as they lie in the log: it costs next to nothing."""

    def __init__(self, servers: str, prefix: str) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": servers, "group.id": uuid4().hex, "isolation.level": "read_committed", "fetch.wait.max.ms": 10}
        )
        topic = f"{prefix}{EXECUTION_EVENT.name}"
        numbers = self._consumer.list_topics(topic, 10).topics[topic].partitions
        self._consumer.assign([TopicPartition(topic, number, 0) for number in numbers])
        self.ended: dict[str, float] = {}

    def wait(self, ids: Sequence[str], seconds: float = 300) -> None:
        """Wait until all of these have ended."""
        missing = {one for one in ids if one not in self.ended}
        deadline = time.monotonic() + seconds
        while missing:
            assert time.monotonic() < deadline, f"{len(missing)} executions have not ended"
            missing -= set(self.poll(0.5))

    def poll(self, timeout: float) -> list[str]:
        """Return who has ended since the last poll."""
        first = self._consumer.poll(timeout)
        found = []
        for message in () if first is None else (first, *self._consumer.consume(1000, 0)):
            if message.error() is None and _END in message.value():
                name = message.key().decode()
                self.ended[name] = time.monotonic()
                found.append(name)
        return found

    def close(self) -> None:
        """Stop."""
        self._consumer.close()
