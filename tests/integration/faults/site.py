"""Processes of the engine on a broker that a test does to what it likes: started, asked, watched by their CPU and their log, ended."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Self

import psutil
import yaml

from tests.integration.faults.managed import PATIENCE, Managed
from tests.integration.faults.surprises import surprises_in
from tests.unit.cli.command import COMMAND

Tree = Mapping[str, Any]


class Member(Managed):
    """One process of the engine; what it tells goes to a file, so that it never waits for a reader.

    Attributes:
        name: of the component, with a number.
        log: the file.
    """

    def __init__(self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                command, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._usage = psutil.Process(self._process.pid)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def cpu_seconds(self) -> float:
        """How much it has computed so far."""
        times = self._usage.cpu_times()
        return times.user + times.system

    def check(self) -> None:
        assert self.is_alive, f"{self.name} has ended:\n" + "\n".join(self.lines()[-30:])

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def end(self) -> int:
        """Ask it to stop; return its exit code."""
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        """Kill it; one that has ended stays as it is."""
        self._process.kill()
        self._process.wait(PATIENCE)


class Site:
    """A settings file, and the processes that were started with it; all of them end with the block.

    Args:
        client: librdkafka properties that reach the broker.
        more: settings under `kestra`, over those that all tests share.
    """

    def __init__(self, folder: Path, client: Mapping[str, str], **more: Tree) -> None:
        self.folder = folder
        self.config = folder / "engine.yaml"
        self.members: list[Member] = []
        self._numbers = count()
        settings = {
            "queue": {"type": "kafka"},
            "kafka": {"client": {"properties": dict(client)}, "defaults": {"topic": {"partitions": 2}}},
            "storage": {"type": "local", "local": {"base-path": str(folder / "storage")}},
            "server": {"port": 0, "host": "127.0.0.1"},
        }
        self.config.write_text(yaml.safe_dump({"kestra": _merged(settings, more)}), encoding="utf-8")

    def start(self, *components: str, command: Sequence[str] = (COMMAND,), **environment: str) -> list[Member]:
        """Start processes (`worker -t 4` has its options with it) and wait until they are ready."""
        started = self.begin(*components, command=command, **environment)
        self.wait_ready(*started)
        return started

    def wait_ready(self, *members: Member) -> None:
        """Wait until these processes are ready, or all."""
        for member in members or self.members:
            member.wait_ready()

    def surprises(self) -> list[str]:
        """Return what any process, ended ones included, has told of an error that it did not expect: where, and the next lines."""
        return surprises_in(self.folder)

    def begin(self, *components: str, command: Sequence[str] = (COMMAND,), **environment: str) -> list[Member]:
        """Start processes, and wait for nothing."""
        started = []
        for component in components:
            words = component.split()
            name = f"{words[0]}-{next(self._numbers)}"
            line = [*command, "server", *words, "-c", str(self.config)]
            started.append(Member(name, line, self.folder, {**self.environment, **environment}))
            self.members.append(started[-1])
        return started

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of this process, without settings: the file alone counts."""
        return {name: value for name, value in os.environ.items() if not name.startswith("KESTRA_")}

    def check(self) -> None:
        """All processes live."""
        for member in self.members:
            member.check()

    def command(self, *arguments: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run a command of the product with the settings file."""
        line = [COMMAND, *arguments, "-c", str(self.config)]
        return subprocess.run(  # noqa: S603
            line,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.kill()


def _merged(below: Tree, above: Tree) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged
