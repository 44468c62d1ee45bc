"""Kafka brokers of one's own: started in a moment on free ports, with any properties, and put through everything that can happen to one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException

from tests.services.broker import Broker
from tests.services.kafka_node import KafkaNode
from tests.services.places import Lifeline, new_run
from tests.services.ports import Ports
from tests.services.process import wait_until

# Starts fast and stays small; a measurement of speed wants others.
JVM = ("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
READY_WITHIN = 60.0


class KafkaCluster:
    """Brokers with data in a directory of their own; each of them is a controller too.

    They die with the process that made this object, or with the last holder of the `lifeline` that is given.
    """

    def __init__(
        self,
        brokers: int = 1,
        properties: Mapping[str, str] | None = None,
        *,
        directory: Path | None = None,
        lifeline: Path | None = None,
        jvm: Sequence[str] = JVM,
    ) -> None:
        """Choose ports and write the configuration; `properties` are the broker's own and win over what is set here."""
        self.directory = directory or new_run("kafka")
        self._lifeline = Lifeline(lifeline or self.directory / "alive")
        self._ports = Ports(3 * brokers)
        numbers = iter(self._ports.numbers)
        own = [(next(numbers), next(numbers), next(numbers)) for _ in range(brokers)]
        self._nodes = {
            number: KafkaNode(number, ports, self.directory, self._lifeline.path, jvm) for number, ports in enumerate(own, start=1)
        }
        for node in self._nodes.values():
            node.configure(self._shared(properties or {}))

    def _shared(self, properties: Mapping[str, str]) -> dict[str, str]:
        """Return the properties that all brokers share."""
        copies = str(min(3, len(self._nodes)))
        in_sync = str(min(2, len(self._nodes)))
        voters = ",".join(node.voter for node in self._nodes.values())
        return {
            "process.roles": "broker,controller",
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "INTERNAL",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,CLIENT:PLAINTEXT",
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "min.insync.replicas": in_sync,
            "broker.session.timeout.ms": "4000",  # one that was killed may come back after that long
            "broker.heartbeat.interval.ms": "500",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "500",
            "log.cleaner.dedupe.buffer.size": "16777216",
            **{
                f"{kind}.{name}": value
                for kind in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
                for name, value in (("replication.factor", copies), ("num.partitions", "4"))
            },
            "transaction.state.log.min.isr": in_sync,
            "share.coordinator.state.topic.min.isr": in_sync,
            **properties,
        }

    @property
    def broker(self) -> Broker:
        """How clients reach the cluster."""
        return Broker({"bootstrap.servers": ",".join(node.address for node in self._nodes.values())})

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` of each broker, with commas."""
        return self.broker.bootstrap_servers

    def start(self, node: int | None = None) -> Self:
        """Start every broker that is not running, or one, and wait until it serves."""
        started = [node for node in self._chosen(node) if not node.process.is_alive]
        for each in started:
            each.start()
        for each in started:
            each.process.ready(each.serves, READY_WITHIN)
        if started:
            self.wait_for(len([node for node in self._nodes.values() if node.process.is_alive]))
        return self

    def wait_for(self, brokers: int, patience: float = READY_WITHIN) -> None:
        """Wait until the cluster counts that many brokers."""
        wait_until(lambda: self._counted() == brokers, patience, f"{brokers} brokers in the cluster {self.directory}")

    def _counted(self) -> int:
        try:
            return len(self.broker.admin().list_topics(timeout=2).brokers)
        except KafkaException:
            return 0

    def stop(self, node: int | None = None) -> None:
        """Let brokers shut down in good order (SIGTERM): all, or one."""
        for each in self._chosen(node):
            each.process.stop()

    def kill(self, node: int | None = None) -> None:
        """Kill brokers (SIGKILL): all, or one."""
        for each in self._chosen(node):
            each.process.kill()

    def restart(self, node: int | None = None) -> None:
        """Stop and start again, with the same ports and data."""
        self.stop(node)
        self.start(node)

    def pause(self, node: int | None = None) -> None:
        """Freeze brokers (SIGSTOP): all, or one."""
        for each in self._chosen(node):
            each.process.pause()

    def resume(self, node: int | None = None) -> None:
        """Let frozen brokers go on (SIGCONT)."""
        for each in self._chosen(node):
            each.process.resume()

    def close(self) -> None:
        """Kill the brokers and remove their data; the logs stay for a while."""
        self.kill()
        self._lifeline.release()
        self._ports.release()
        for node in self._nodes.values():
            node.process.remove_data()

    def _chosen(self, node: int | None) -> list[KafkaNode]:
        return list(self._nodes.values()) if node is None else [self._nodes[node]]

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
