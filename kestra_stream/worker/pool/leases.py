"""The jobs of the work queue that are in a worker's hands: leased, and neither accepted nor given back yet."""

import time
from collections.abc import Callable, Sequence
from threading import Condition

from kestra_stream.queue.interface import Lease, WorkQueue


class Leases:
    """A work queue that knows what it has handed to this worker. Thread-safe."""

    def __init__(self, queue: WorkQueue) -> None:
        self._queue = queue
        self._held: set[str] = set()
        self._changed = Condition()

    @property
    def waiting(self) -> int:
        """How many jobs of the group wait, as far as the queue knows of them."""
        return self._queue.waiting

    def take(self, count: int, timeout: float) -> Sequence[Lease]:
        """Lease up to `count` jobs; wait at most `timeout` seconds for the first.

        Raises:
            Retryable: no job that waits can be read now.
        """
        leases = self._queue.take(count, timeout)
        with self._changed:
            self._held.update(lease.id for lease in leases)
        return leases

    def accept(self, lease: Lease) -> bool:
        """The job is done here, or will be; False when the lease had ended and the job went elsewhere."""
        accepted = self._queue.accept(lease)
        self._let_go(lease)
        return accepted

    def release(self, lease: Lease) -> bool:
        """Give the job back at once; False when it was accepted."""
        with self._changed:
            if lease.id not in self._held:
                return False
        self._queue.release(lease)
        self._let_go(lease)
        return True

    def settle(self, timeout: float, push: Callable[[], bool], every: float) -> None:
        """Wait until none is held.

        Args:
            timeout: seconds after which it is given up.
            push: what brings that about, called again and again; False says that it is in vain.
            every: seconds between two calls.
        """
        deadline = time.monotonic() + timeout
        while push() and time.monotonic() < deadline:
            with self._changed:
                if self._changed.wait_for(lambda: not self._held, every):
                    return

    def close(self) -> None:
        """Give back what is held, and take no more."""
        self._queue.close()

    def _let_go(self, lease: Lease) -> None:
        with self._changed:
            self._held.discard(lease.id)
            self._changed.notify_all()
