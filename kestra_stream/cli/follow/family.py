"""Family: records of any number of executions in, those of the executions that belong together out."""

from collections import deque
from collections.abc import Iterator

from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.records import LogEntry, MetricEntry
from kestra_stream.models.state import S

Message = ExecutionEvent | LogEntry | MetricEntry
_MOST_HELD = 20_000
_MOST_STRANGERS = 100_000


class Family:
    """The executions that somebody follows: those named, all that they call, and those created in place of one that is retried.

    A child's records may come before those of its caller, and log lines before the first event. So what is of nobody known waits, up to
    a number; what is of a stranger goes.
    """

    def __init__(self) -> None:
        self._members: set[str] = set()
        self._retried: set[str] = set()
        self._strangers: dict[str, None] = {}
        self._held: dict[str, list[Message]] = {}
        self._line: deque[str] = deque()
        self._waits_for: dict[str, tuple[str, bool]] = {}
        self._waiting: dict[str, list[str]] = {}

    def follow(self, execution_id: str) -> Iterator[Message]:
        """Take an execution in; yield what is known of it, and of those that belong to it."""
        yield from self._take_in(execution_id)

    def sift(self, message: Message) -> Iterator[Message]:
        """Yield the message if it is one of the family, and all that waited for it."""
        execution_id = message.execution_id
        if execution_id in self._strangers:
            return
        if execution_id in self._members:
            yield message
            yield from self._told(message)
            return
        if execution_id not in self._waits_for and isinstance(message, ExecutionEvent) and message.execution is not None:
            if not self._relate(message.execution):
                self._send_away(execution_id)
                return
            if self._belongs(execution_id):
                self._hold(execution_id, message)
                yield from self._take_in(execution_id)
                return
        self._hold(execution_id, message)

    def _relate(self, head: Execution) -> bool:
        """Note whom an execution was created for, or in whose place; False when it is nobody."""
        if head.parent_id is not None:
            known = (head.parent_id, True)
        elif head.trigger is not None and isinstance(caller := head.trigger.variables.get("executionId"), str):
            known = (caller, False)
        else:
            return False
        if known[0] in self._strangers:
            return False
        self._waits_for[head.id] = known
        self._waiting.setdefault(known[0], []).append(head.id)
        return True

    def _belongs(self, execution_id: str) -> bool:
        other, in_place = self._waits_for[execution_id]
        return other in (self._retried if in_place else self._members)

    def _told(self, message: Message) -> Iterator[Message]:
        """See whether a member was retried: then whoever was created in its place is one, too."""
        if isinstance(message, ExecutionEvent) and message.execution is not None and message.execution.state.current is S.RETRIED:
            self._retried.add(message.execution_id)
            yield from self._adopt(message.execution_id)

    def _take_in(self, execution_id: str) -> Iterator[Message]:
        self._members.add(execution_id)
        self._strangers.pop(execution_id, None)
        for message in self._held.pop(execution_id, ()):
            yield message
            yield from self._told(message)
        yield from self._adopt(execution_id)

    def _adopt(self, execution_id: str) -> Iterator[Message]:
        """Take in those who waited for a member, as far as they belong to it by now."""
        for other in self._waiting.get(execution_id, ()):
            if other not in self._members and self._belongs(other):
                yield from self._take_in(other)

    def _hold(self, execution_id: str, message: Message) -> None:
        self._held.setdefault(execution_id, []).append(message)
        self._line.append(execution_id)
        while len(self._line) > _MOST_HELD:
            oldest = self._line.popleft()
            if oldest in self._held:
                self._send_away(oldest)

    def _send_away(self, execution_id: str) -> None:
        """Nothing of a stranger is worth keeping, nor of those that belong to it; the oldest of very many are forgotten."""
        gone = [execution_id]
        for stranger in gone:
            self._strangers[stranger] = None
            self._held.pop(stranger, None)
            waits_for = self._waits_for.pop(stranger, None)
            if waits_for is not None and waits_for[0] in self._waiting:
                self._waiting[waits_for[0]].remove(stranger)
            gone.extend(self._waiting.pop(stranger, ()))
        if len(self._strangers) > _MOST_STRANGERS:
            self._strangers = dict.fromkeys(list(self._strangers)[_MOST_STRANGERS // 2 :])
