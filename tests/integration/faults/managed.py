"""A process of the engine as its log and its management port show it; how it is started and ended is another matter."""

import re
from abc import ABC, abstractmethod
from http.client import HTTPConnection
from pathlib import Path

from tests.services.process import wait_until

PATIENCE = 100.0


class Managed(ABC):
    """One server process, which has a name that no other one of the test has."""

    name: str
    log: Path

    @abstractmethod
    def check(self) -> None:
        """Raise when it has ended; the error shows what it told last."""

    def lines(self, since: int = 0) -> list[str]:
        """Return what it has told, from a line on."""
        told = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return told.splitlines()[since:]

    def has_told(self, text: str) -> bool:
        """Whether a text is in its log."""
        return any(text in line for line in self.lines())

    def found(self, pattern: str) -> str:
        """Return the first group of a pattern's first match in its log; an empty text for none."""
        matches = (re.search(pattern, line) for line in self.lines())
        return next((match[1] for match in matches if match), "")

    def ask(self, path: str) -> tuple[int, str]:
        """Ask its management port; (0, "") before it listens."""
        port = self.found(r"management port (\d+)")
        if not port:
            self.check()
            return 0, ""
        connection = HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def figure(self, name: str) -> float:
        """Return the sum of a figure over its labels."""
        lines = self.ask("/prometheus")[1].splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{name}(\{{| )", line))

    def is_ready(self) -> bool:
        """Whether it is ready to work; one that breaks the connection is not."""
        self.check()
        try:
            return self.ask("/health/readiness")[0] == 200
        except ConnectionError:
            return False

    def wait_ready(self) -> None:
        """Wait until it is ready; the error of one that has ended instead shows what it told."""
        wait_until(self.is_ready, PATIENCE, f"{self.name} is ready")
