"""`kestra-stream server` as a process: started, asked and stopped by a test."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import IO

from tests.unit.cli.command import COMMAND

PATIENCE = 100


class Running:
    """A server that runs.

    Attributes:
        lines: what it has told so far.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.port = int(self.told(r"management port (\d+)")[1])

    def told(self, pattern: str) -> re.Match[str]:
        """Read what it tells until a line fits."""
        for line in self._errors:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"never told: {pattern}; only {''.join(self.lines)}")

    def ask(self, path: str) -> tuple[int, str]:
        """Ask the management port."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        found = answer.status, answer.read().decode()
        connection.close()
        return found

    def end(self, number: int) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        self.lines.extend(self._errors)
        return self.process.wait(PATIENCE)

    @property
    def _errors(self) -> IO[str]:
        assert self.process.stderr is not None
        return self.process.stderr


@contextmanager
def running(folder: Path, *arguments: str, **variables: str) -> Iterator[Running]:
    environment = {**os.environ, "KESTRA_SERVER_PORT": "0", "KESTRA_SERVER_HOST": "127.0.0.1", **variables}
    command = [COMMAND, "server", *arguments]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield Running(process)
        finally:
            process.kill()
