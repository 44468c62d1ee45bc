"""One broker of a cluster: its configuration file, its data and its process."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.services import install
from tests.services.errors import ServiceError
from tests.services.places import Place
from tests.services.process import ServiceProcess

LOGGING = Path(__file__).with_name("log4j2.properties")
CLUSTER_ID = "kestra-stream-cluster0"


class KafkaNode:
    """A broker and controller.

    Attributes:
        number: its node id, from 1.
        address: where clients reach it, `host:port`.
        internal: where brokers and administrators reach it.
        voter: how the other controllers name it, `id@host:port`.
        process: its process.
    """

    def __init__(self, number: int, ports: Sequence[int], place: Place, jvm: Sequence[str]) -> None:
        """Take three ports; the data, the configuration and the log lie in `place`."""
        self.number = number
        self.address, self.internal, controller = (f"127.0.0.1:{port}" for port in ports)
        self.voter = f"{number}@{controller}"
        self._configuration = place.directory / f"kafka-{number}.properties"
        libraries = install.kafka()
        self._java = [install.java(), *jvm, f"-Dlog4j2.configurationFile={LOGGING}", "-cp", f"{libraries}/*"]
        command = [*self._java, "kafka.Kafka", str(self._configuration)]
        self.process = ServiceProcess(f"kafka-{number}", command, place)

    def configure(self, properties: Mapping[str, str]) -> None:
        """Write the configuration file: what all brokers share, and what is this one's."""
        advertised = f"CLIENT://{self.address},INTERNAL://{self.internal}"
        listeners = f"{advertised},CONTROLLER://{self.voter.partition('@')[2]}"
        own = {"node.id": str(self.number), "listeners": listeners, "advertised.listeners": advertised, "log.dirs": str(self.process.data)}
        lines = [f"{key}={_escaped(value)}\n" for key, value in {**properties, **own}.items()]
        self._configuration.write_text("".join(lines), encoding="utf-8")

    def start(self) -> None:
        """Start it; a directory that is used for the first time is formatted first."""
        if not (self.process.data / "meta.properties").exists():
            command = [*self._java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._configuration)]
            formatted = subprocess.run(command, capture_output=True, text=True, check=False)
            if formatted.returncode != 0:
                raise ServiceError(f"{self._configuration} does not suit the broker: {formatted.stdout}{formatted.stderr}")
        self.process.start()

    def serves(self) -> bool:
        """Tell whether it has opened all its ports since it was started."""
        return self.process.has_said("Kafka Server started")


def _escaped(value: str) -> str:
    """Write a value as a properties file wants it."""
    return value.replace("\\", "\\\\").replace("\n", "\\n")
