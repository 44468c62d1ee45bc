"""Limiter: `limiter_inbox` in, `decide_slot`, answers to executions out. One member owns a scope at a time."""

from collections.abc import Sequence
from datetime import datetime

from kestra_stream.engine.limiter import SlotState, decide_slot
from kestra_stream.errors import Invalid
from kestra_stream.models.messages import LimiterInput
from kestra_stream.queue.interface import Outgoing, Record, State, StateChange, TopicPartition, Transaction
from kestra_stream.runtime.homes import Homes
from kestra_stream.runtime.processor import Timeless
from kestra_stream.topics import EXECUTION_INBOX, LIMITER_INBOX, LIMITER_STATE


class Limiter(Timeless):
    """The processor of concurrency scopes."""

    group = "limiter"
    topics = (LIMITER_INBOX,)
    state = LIMITER_STATE

    def __init__(self) -> None:
        self._scopes: dict[str, SlotState] = {}
        self._staged: dict[str, SlotState] = {}
        self._homes = Homes()

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        """Let every request change its scope.

        Raises:
            Invalid: a request lies where its scope does not belong.
        """
        del now
        outgoing: list[Outgoing] = []
        changes: list[StateChange] = []
        for record in records:
            message: LimiterInput = record.value
            if record.key != message.scope:
                raise Invalid(f"a request for the scope `{message.scope}` has the key `{record.key}`")
            state = self._staged.get(message.scope) or self._scopes.get(message.scope) or SlotState()
            decision = decide_slot(state, message)
            self._staged[message.scope] = decision.state
            self._homes.put(record.partition, message.scope)
            outgoing.extend([Outgoing(EXECUTION_INBOX, told.execution_id, told.input) for told in decision.commands])
            changes.extend([StateChange(message.scope, part, value) for part, value in decision.parts.items()])
        return Transaction(outgoing, changes)

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        """Restore the scopes of new partitions."""
        del partitions
        for number, scopes in state.items():
            for scope, parts in scopes.items():
                self._scopes[scope] = SlotState.restored(parts)
                self._homes.put(number, scope)

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Forget the scopes of these partitions."""
        self._staged.clear()
        for scope in self._homes.leave(partitions):
            self._scopes.pop(scope, None)

    def rolled_back(self) -> None:
        """Forget what the last batch changed."""
        self._staged.clear()

    def committed(self) -> None:
        """What the last batch changed is true now."""
        self._scopes.update(self._staged)
        self._staged.clear()
