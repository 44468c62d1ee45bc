"""One consumer of a memory log: a member of a group, or the reader of whole topics."""

import time
from collections.abc import Callable, Mapping, Sequence

from kestra_stream.queue.interface import RebalanceListener, Record, Transaction
from kestra_stream.queue.memory.ledger import Ledger
from kestra_stream.topics import Topic


class MemoryConsumer:
    """Fulfils the port `Consumer`. Not thread-safe, but for `wake` and `close`.

    Args:
        group: empty for a reader that belongs to nobody; it hears of no rebalance.
        state: knows the types of the state's parts, for a log that keeps bytes.
    """

    def __init__(
        self, ledger: Ledger, group: str, topics: Sequence[Topic], listener: RebalanceListener | None, state: Topic | None = None
    ) -> None:
        self._ledger = ledger
        self._listener = listener
        self._has_joined = False
        self._state = state
        self._member, self._group = ledger.join(group, topics)

    def poll(self, max_records: int, timeout: float) -> Sequence[Record]:
        """Return up to `max_records`; wait at most `timeout` seconds for the first. Nothing once the log or the consumer is closed."""
        member, ledger = self._member, self._ledger
        if timeout <= 0 and member.is_idle:
            return ()
        deadline = time.monotonic() + timeout
        while True:
            if member.must_rejoin:
                self._rejoin()
            with ledger.lock:
                if ledger.is_closed or member.is_closed:
                    return ()
                if member.must_rejoin:
                    continue
                records = member.read(max_records)
                left = deadline - time.monotonic()
                if records or left <= 0 or member.is_woken:
                    member.is_woken = False
                    return records
                member.wait(left)

    def commit(self, transaction: Transaction) -> None:
        """Commit what was polled, with records and state, as one."""
        self._ledger.commit(self._member, self._group, transaction, self._state)

    def rewind(self) -> None:
        """Forget the uncommitted polls."""
        with self._ledger.lock:
            self._member.rewind()

    def wake(self) -> None:
        """End the wait of the poll that is under way, or of the next one."""
        with self._ledger.lock:
            self._member.is_woken = True
            self._member.wake()

    def close(self) -> None:
        """Leave the group; the partitions go to the others at their next poll."""
        self._ledger.leave(self._member, self._group)

    def on_wake(self, call: Callable[[], None]) -> None:
        """Have something called, in whatever thread writes, as soon as there is something to poll."""
        with self._ledger.lock:
            self._member.on_wake = call

    @property
    def lag(self) -> int:
        """How many records of its partitions wait to be read."""
        with self._ledger.lock:
            return sum(cursor.partition.end - cursor.position for cursor in self._member.cursors)

    @property
    def lags(self) -> Mapping[str, int]:
        """The same by topic."""
        found: dict[str, int] = {}
        with self._ledger.lock:
            for cursor in self._member.cursors:
                found[cursor.partition.topic.name] = found.get(cursor.partition.topic.name, 0) + cursor.partition.end - cursor.position
        return found

    @property
    def has_joined(self) -> bool:
        """Whether it knows its partitions, none included, and the listener has their state."""
        return self._has_joined

    def _rejoin(self) -> None:
        """Take note of the newest assignment. The listener is called outside of the lock: it may well use the log."""
        member, group = self._member, self._group
        with self._ledger.lock:
            member.must_rejoin = False
            if group is None or member.is_closed:
                return
            went = frozenset(cursor.partition.where for cursor in member.taken)
            member.taken.clear()
            cursors, state = group.hand_over(member)
            came = frozenset(cursor.partition.where for cursor in cursors)
        if self._listener is not None:
            if went:
                self._listener.revoked(went)
            if came:
                self._listener.assigned(came, state)
        self._has_joined = True
