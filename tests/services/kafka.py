"""Kafka brokers of one's own: started in a moment on free ports, with any properties, and put through everything that can happen to one."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from tests.services import install
from tests.services.broker import Broker
from tests.services.kafka_node import KafkaNode
from tests.services.places import Place, settled
from tests.services.ports import Ports
from tests.services.process import ServiceProcess, Startable, wait_until
from tests.services.security import Security

# Starts fast and stays small; a measurement of speed wants others.
JVM = ("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
SMALL_JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # several brokers beside each other
READY_WITHIN = 100.0  # a moment, but on a machine that is busy with everything else
OPEN = Security()


def fast_jvm() -> Sequence[str]:
    """Return options of Java with which a broker starts fast, with an archive of its classes that a first start of it has made."""
    pin = hashlib.sha256(f"{install.java_version()} {JVM}".encode()).hexdigest()[:12]
    archive = install.installed(f"{install.kafka().name}-classes-{pin}", _archive_classes) / "kafka.jsa"
    return (*JVM, f"-XX:SharedArchiveFile={archive}") if archive.exists() else JVM


def _archive_classes(target: Path) -> None:
    with KafkaCluster(jvm=(*JVM, f"-XX:ArchiveClassesAtExit={target / 'kafka.jsa'}")) as cluster:
        cluster.broker.create_topic("classes")
        cluster.processes[0].stop(patience=300)


class KafkaCluster(Startable):
    """Brokers with data in a directory of their own; each of them is a controller too.

    They die with the process that made this object, or with the last holder of the `lifeline` that is given.
    """

    def __init__(
        self,
        brokers: int = 1,
        properties: Mapping[str, str] | None = None,
        *,
        place: Place | None = None,
        port: int | None = None,
        security: Security = OPEN,
        jvm: Sequence[str] | None = None,
    ) -> None:
        """Choose ports and write the configuration.

        Args:
            brokers: how many.
            properties: the broker's own; they win over what is set here.
            place: where it lives; without one in a new directory, for as long as this object is held.
            port: where clients reach the first broker; a free one when it is left out.
            security: what clients have to show.
            jvm: options of Java; without them it starts fast and stays small.
        """
        self.place, self._lifeline = settled(place, "kafka")
        self.security = security
        self._ports = Ports(3 * brokers)
        numbers = iter([port, *self._ports.numbers] if port else self._ports.numbers)
        own = [(next(numbers), next(numbers), next(numbers)) for _ in range(brokers)]
        options = fast_jvm() if jvm is None else jvm
        self._nodes = {number: KafkaNode(number, ports, self.place, options) for number, ports in enumerate(own, start=1)}
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
            "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,CLIENT:{self.security.protocol}",
            **self.security.of_broker("CLIENT", self.place.directory),
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "min.insync.replicas": in_sync,
            "broker.session.timeout.ms": "4000",  # one that was killed may come back after that long
            "broker.heartbeat.interval.ms": "500",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "500",
            "file.delete.delay.ms": "1000",  # the topics of one test are gone before the next has many of its own
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
        """How clients reach the cluster, with what its security asks for."""
        return Broker({"bootstrap.servers": _joined(self._nodes.values()), **self.security.of_client(self.place.directory)})

    @property
    def administrator(self) -> Broker:
        """How its administrators reach it: without any security, whatever clients have to show."""
        return Broker({"bootstrap.servers": ",".join(node.internal for node in self._nodes.values())})

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` of each broker, with commas."""
        return _joined(self._nodes.values())

    @property
    def processes(self) -> list[ServiceProcess]:
        """The process of each broker."""
        return [node.process for node in self._nodes.values()]

    def start(self, node: int | None = None) -> Self:
        """Start every broker that is not running, or one, and wait until it serves."""
        started = [node for node in self._chosen(node) if not node.process.is_alive]
        for each in started:
            each.start()
        for each in started:
            each.process.ready(each.serves, READY_WITHIN)
        alive = sum(process.is_alive for process in self.processes)
        for each in started:
            each.process.ready(lambda: self._counted() == alive, READY_WITHIN)
        self._let_in()
        return self

    def wait_for(self, brokers: int, patience: float = READY_WITHIN) -> None:
        """Wait until the cluster counts that many brokers."""
        wait_until(lambda: self._counted() == brokers, patience, f"{brokers} brokers in the cluster {self.place.directory}")

    def _let_in(self) -> None:
        """Tell the cluster the user; only SCRAM keeps users there."""
        mechanism = (self.security.mechanism or "").replace("-", "_")
        if mechanism.startswith("SCRAM"):
            credential = ScramCredentialInfo(ScramMechanism[mechanism], 4096)
            user = UserScramCredentialUpsertion(self.security.user, credential, self.security.password.encode())
            admin = self.administrator.admin()
            for done in admin.alter_user_scram_credentials([user]).values():
                done.result(READY_WITHIN)

    def _counted(self) -> int:
        try:
            return len(self.administrator.admin().list_topics(timeout=2).brokers)
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


def _joined(nodes: Iterable[KafkaNode]) -> str:
    return ",".join(node.address for node in nodes)
