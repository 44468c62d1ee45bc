"""Executions that are under way: in memory, and behind that in what the log keeps on disk where the state outgrows memory."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from kestra_stream.engine.state import ExecutionState
from kestra_stream.engine.step import Decision
from kestra_stream.executor.ended import ENDED, Ended
from kestra_stream.executor.recall import PART
from kestra_stream.models.execution_input import ExecutionInput
from kestra_stream.queue.interface import KeptState, State, TopicPartition
from kestra_stream.runtime.homes import Homes
from kestra_stream.runtime.timers import Timers

Load = Callable[[Mapping[str, Any]], Decision | None]


class LiveExecutions:
    """The executions of the partitions that a member owns, with their timers.

    Args:
        load: builds a state back from its parts; None where there is no flow for it any more.
        most: executions that are held in memory while the log keeps the state on disk; who was idle the longest goes first.

    Attributes:
        timers: of all executions, those on disk included.
        owed: decisions of restored executions whose commands must be given again.
        ended: executions that were let go not long ago.
    """

    def __init__(self, load: Load, most: int) -> None:
        self.timers: Timers[tuple[str, str]] = Timers()
        self.owed: dict[str, Decision] = {}
        self._load = load
        self._most = most
        self._states: OrderedDict[str, ExecutionState] = OrderedDict()
        self._kept: dict[int, KeptState] = {}
        self._homes = Homes()
        self._let_go: set[str] = set()
        self.ended = Ended()

    def get(self, execution_id: str) -> ExecutionState | None:
        """Return an execution that is in memory."""
        return self._states.get(execution_id)

    def fetch(self, execution_id: str, number: int) -> Decision | None:
        """Return an execution that is on disk, as after a restart; None when there is none."""
        kept = self._kept.get(number)
        parts = kept.get(execution_id) if kept is not None else None
        return self._load(parts) if parts is not None and "" in parts else None

    def settle_in(self, execution_id: str, number: int) -> None:
        """Note beside which partition an execution lives."""
        self._homes.put(number, execution_id)

    def put(self, execution_id: str, state: ExecutionState | None) -> None:
        """Take over what a committed decision says of an execution; None when it was let go."""
        if state is None:
            self._states.pop(execution_id, None)
            self._let_go.add(execution_id)
            return
        self._let_go.discard(execution_id)
        self._states[execution_id] = state
        if self._kept:
            self._states.move_to_end(execution_id)
            while len(self._states) > self._most:
                self._states.popitem(last=False)

    def settle_out(self, execution_id: str) -> None:
        """Nothing of an execution is kept any more, if it was let go."""
        if execution_id in self.ended:
            return
        if execution_id in self._let_go or (execution_id not in self._states and not self._kept):
            self._let_go.discard(execution_id)
            self._homes.forget(execution_id)

    def number_of(self, execution_id: str) -> int:
        """Return beside which partition an execution lives that was settled in."""
        return self._homes.number_of(execution_id)

    def restore(self, state: State) -> Iterator[tuple[str, Sequence[ExecutionInput]]]:
        """Take over what lives beside new partitions; yield the commands that wait for the past of an execution.

        Of what is on disk only the timers are read.
        """
        for number, executions in state.items():
            if isinstance(executions, KeptState):
                self._kept[number] = executions
                yield from self._scan(number, executions)
                continue
            for execution_id, parts in executions.items():
                self.settle_in(execution_id, number)
                if "" in parts:
                    self._take_in(execution_id, parts)
                elif PART in parts:
                    yield execution_id, parts[PART]
                elif ENDED in parts:
                    self.ended.add(execution_id, parts[ENDED])

    def _scan(self, number: int, executions: KeptState) -> Iterator[tuple[str, Sequence[ExecutionInput]]]:
        for execution_id, part, timer in executions.of_kind("timer"):
            self.settle_in(execution_id, number)
            self.timers.set((execution_id, part.partition("/")[2]), timer.at)
        for execution_id, _, at in executions.of_kind(ENDED):
            self.settle_in(execution_id, number)
            self.ended.add(execution_id, at)
        for execution_id, _, messages in executions.of_kind(PART):
            self.settle_in(execution_id, number)
            yield execution_id, messages

    def _take_in(self, execution_id: str, parts: Mapping[str, Any]) -> None:
        decision = self._load(parts)
        if decision is None:
            return
        self._states[execution_id] = decision.state
        for timer_id, timer in decision.state.timers.items():
            self.timers.set((execution_id, timer_id), timer.at)
        if decision.commands:
            self.owed[execution_id] = decision

    def retime(self, fired: Iterable[tuple[str, str]], asked: Iterable[tuple[tuple[str, str], datetime | None]]) -> None:
        """Take over what a committed batch says of timers: who has fired, and who is set, or cancelled where there is no moment."""
        for key in fired:
            self.timers.cancel(key)
        for key, at in asked:
            if at is None:
                self.timers.cancel(key)
            else:
                self.timers.set(key, at)

    def leave(self, partitions: Iterable[TopicPartition]) -> Collection[str]:
        """Forget the executions of partitions that went; return them."""
        places = tuple(partitions)
        for place in places:
            self._kept.pop(place.partition, None)
        gone = set(self._homes.leave(places))
        for execution_id in gone:
            self.owed.pop(execution_id, None)
            self._states.pop(execution_id, None)
        self._let_go -= gone
        self.ended.forget(gone)
        self.timers.cancel_all(lambda key: key[0] in gone)
        return gone

    def __len__(self) -> int:
        """How many are in memory."""
        return len(self._states)
