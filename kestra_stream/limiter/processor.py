"""Limiter: `limiter_inbox` in, `decide_slot`, answers to executions out. One member owns a scope at a time."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from kestra_stream.engine.limiter import SlotState, decide_slot
from kestra_stream.models.messages import LimiterInput
from kestra_stream.queue.interface import Outgoing, Record, StateChange, TopicPartition, Transaction
from kestra_stream.topics import EXECUTION_INBOX, LIMITER_INBOX


class Limiter:
    """The processor of concurrency scopes."""

    group = "limiter"
    topics = (LIMITER_INBOX,)

    def __init__(self) -> None:
        self._scopes: dict[str, SlotState] = {}
        self._staged: dict[str, SlotState] = {}

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        """Let every request change its scope."""
        del now
        outgoing: list[Outgoing] = []
        changes: list[StateChange] = []
        for record in records:
            message: LimiterInput = record.value
            state = self._staged.get(message.scope) or self._scopes.get(message.scope) or SlotState()
            decision = decide_slot(state, message)
            self._staged[message.scope] = decision.state
            outgoing.extend([Outgoing(EXECUTION_INBOX, told.execution_id, told.input) for told in decision.commands])
            changes.extend([StateChange(message.scope, part, value) for part, value in decision.parts.items()])
        return Transaction(outgoing, changes)

    def wake(self, now: datetime) -> Transaction:
        """Never asked for."""
        del now
        return Transaction()

    def wake_at(self) -> datetime | None:
        """Nothing here waits for a date."""
        return None

    def assigned(self, partitions: frozenset[TopicPartition], state: Mapping[str, Mapping[str, object]]) -> None:
        """Restore the scopes of new partitions."""
        del partitions
        self._scopes.update({scope: SlotState.restored(parts) for scope, parts in state.items()})

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Forget all scopes; what is still ours comes back with the next assignment."""
        del partitions
        self._scopes.clear()
        self._staged.clear()

    def rolled_back(self) -> None:
        """Forget what the last batch changed."""
        self._staged.clear()

    def committed(self) -> None:
        """What the last batch changed is true now."""
        self._scopes.update(self._staged)
        self._staged.clear()
