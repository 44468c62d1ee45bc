"""Server processes of one engine on a real broker: started, killed, frozen and replaced by a test."""

import json
import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random

import yaml

from tests.integration.faults.managed import Managed
from tests.integration.faults.surprises import surprises_in
from tests.services.broker import Broker
from tests.services.places import Place, settled
from tests.services.process import ServiceProcess

COMMAND = str(Path(sys.executable).with_name("kestra-stream"))
PARTITIONS = 4


class Member(Managed):
    """One server process of the fleet, which may be replaced by a new one under the same name."""

    def __init__(self, component: str, process: ServiceProcess) -> None:
        self.component = component
        self.process = process
        self.name = process.name
        self.log = process.log

    @property
    def id(self) -> str:
        """The id of its service."""
        return self.found(rf": {self.component} (\w+) on kafka")

    def check(self) -> None:
        self.process.check()


class Fleet:
    """All processes of one engine.

    Attributes:
        config: the settings file of all of them, and of their clients.
        members: those that were started and not ended by the test.
        command: what processes are started with.
    """

    def __init__(self, kafka: Broker, prefix: str, folder: Path, variables: Mapping[str, str]) -> None:
        self.config = folder / "engine.yaml"
        self.config.write_text(yaml.safe_dump({"kestra": _settings(kafka, prefix, folder)}), encoding="utf-8")
        self.members: list[Member] = []
        self.command: Sequence[str] = (COMMAND,)
        self._place, self._lifeline = settled(None, "fleet")
        self._variables = {**_CLEAN, "KESTRA_SERVER_PORT": "0", "KESTRA_SERVER_HOST": "127.0.0.1", **variables}
        self._numbers = count(1)

    def start(self, component: str, *arguments: str) -> Member:
        """Start a process; it is not waited for."""
        name = f"{component}-{next(self._numbers)}"
        command = [*self.command, "server", component, "-c", str(self.config), *arguments]
        member = Member(component, ServiceProcess(name, command, Place(self._place.directory, self._lifeline.path), self._variables))
        member.process.start()
        self.members.append(member)
        return member

    def started(self, *components: str) -> list[Member]:
        """Start processes, and wait until all are ready."""
        members = [self.start(component) for component in components]
        self.wait_ready(*members)
        return members

    def wait_ready(self, *members: Member) -> None:
        """Wait until these processes are ready, or all."""
        for member in members or tuple(self.members):
            member.wait_ready()

    def kill(self, member: Member) -> None:
        """Kill a process (SIGKILL)."""
        member.process.kill()
        self.members.remove(member)

    def end(self, member: Member, patience: float = 60.0) -> None:
        """Ask a process to end (SIGTERM), and wait until it has."""
        member.process.stop(patience)
        self.members.remove(member)

    def surprises(self) -> list[str]:
        """Return what any of its processes, ended ones included, has told of an error that it did not expect: where, and the next lines."""
        return surprises_in(self._place.directory)

    def any(self, component: str, random: Random) -> Member:
        """Choose one of the processes of a component."""
        return random.choice([member for member in self.members if member.component == component])

    def by_id(self, service_id: str | None) -> Member:
        """Find a process by the id of its service."""
        return next(member for member in self.members if member.id == service_id)

    def close(self) -> None:
        """Kill all."""
        for member in tuple(self.members):
            self.kill(member)
        self._lifeline.release()


@contextmanager
def fleet_of(kafka: Broker, prefix: str, folder: Path, **variables: str) -> Generator[Fleet, None, None]:
    """Give a fleet; its processes get these variables of the environment."""
    fleet = Fleet(kafka, prefix, folder, variables)
    try:
        yield fleet
    finally:
        fleet.close()


_CLEAN = {name: "" for name in os.environ if name.startswith("KESTRA_")}


def _settings(kafka: Broker, prefix: str, folder: Path) -> dict[str, object]:
    return {
        "queue": {"type": "kafka"},
        "kafka": {
            "client": {"properties": json.loads(json.dumps(dict(kafka.client)))},
            "defaults": {"topic-prefix": prefix, "topic": {"partitions": PARTITIONS}},
        },
        "storage": {"type": "local", "local": {"base-path": str(folder / "storage")}},
    }
