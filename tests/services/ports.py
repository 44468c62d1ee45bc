"""Free ports of this machine that stay ours, also while the service that had one is down."""

import fcntl
import os
import socket
from itertools import islice
from pathlib import Path
from tempfile import gettempdir

# Below what systems hand out to outgoing connections: none of these can take the port of a broker that is down for a moment.
FIRST, LAST = 20_000, 32_000


class Ports:
    """Reserved ports; a lock on a file for each keeps them from the other processes that ask here."""

    def __init__(self, count: int) -> None:
        """Reserve that many."""
        self._descriptors: list[int] = []
        span = LAST - FIRST
        start = os.getpid() * 97 % span
        candidates = (FIRST + (start + step) % span for step in range(span))
        self.numbers = list(islice((port for port in candidates if self._take(port)), count))

    def _take(self, port: int) -> bool:
        directory = Path(gettempdir()) / f"kestra-stream-ports-{os.getuid()}"
        directory.mkdir(exist_ok=True)
        descriptor = os.open(directory / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        if not is_free(port):
            os.close(descriptor)
            return False
        self._descriptors.append(descriptor)
        return True

    def release(self) -> None:
        """Give them back."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()


def is_free(port: int) -> bool:
    """Tell whether nothing listens on a port of this machine."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def accepts(port: int) -> bool:
    """Tell whether a server of this machine accepts connections on a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
