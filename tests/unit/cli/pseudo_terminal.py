"""A pseudo-terminal with `kestra-stream` in it, for tests that type and look."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from types import TracebackType
from typing import Self

COMMAND = str(Path(sys.executable).with_name("kestra-stream"))
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_PATIENCE = 60.0


class PseudoTerminal:
    """Runs one command in a terminal of its own; `seen` is all that it has written, colours included."""

    def __init__(self, *arguments: str | Path, cwd: Path, size: tuple[int, int] = (40, 100), **environment: str) -> None:
        self._own, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        names = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"}}
        self.process = subprocess.Popen(  # noqa: S603 - the project's own command
            [COMMAND, *map(str, arguments)],
            cwd=cwd,
            stdin=other,
            stdout=other,
            stderr=other,
            env={**names, "TERM": "xterm-256color", **environment},
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - the one way to get a controlling terminal; nothing else runs here
        )
        os.close(other)
        self.seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._own >= 0:
            os.close(self._own)

    @property
    def text(self) -> str:
        """What was written, without colours and movements."""
        return _ESCAPES.sub("", self.seen).replace("\r", "")

    def wait_for(self, *texts: str, after: int = 0) -> int:
        """Read until all the texts were written after a place; return the place behind the last of them."""
        while True:
            places = [self.text.find(text, after) for text in texts]
            if -1 not in places:
                return max(place + len(text) for place, text in zip(places, texts, strict=True))
            assert self._read(), f"{texts} did not come after {self.text[after:]!r}"

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._own, text.encode())

    def close(self) -> None:
        """Close the window."""
        os.close(self._own)
        self._own = -1

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Read to the end; return the exit code."""
        while self._own >= 0 and self._read():
            pass
        return self.process.wait(_PATIENCE)

    def _read(self) -> bool:
        """Read what there is; False at the end, or when nothing comes for too long."""
        if not select.select([self._own], [], [], _PATIENCE)[0]:
            return False
        try:
            data = os.read(self._own, 65536)
        except OSError:
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
