"""A line for slots under any sequence of requests, doubled ones included: never oversold, never leaked, first come first served."""

from collections.abc import Mapping
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kestra_stream.engine.limiter import SlotState, decide_slot
from kestra_stream.models.execution_input import Admitted, Refused
from kestra_stream.models.messages import AcquireSlot, ChangeLimit, LimiterInput, ReleaseSlot
from kestra_stream.models.state import S, StateType

SCOPE = "flow:x"
NAMES = st.sampled_from("abcdefgh")
LIMITS = st.integers(1, 4)


class Line(RuleBasedStateMachine):
    """A model of the line beside the real one: who runs, who waits in which order."""

    def __init__(self) -> None:
        super().__init__()
        self.state = SlotState()
        self.parts: dict[str, Any] = {}
        self.limit: int | None = None
        self.revision = 0
        self.running: set[str] = set()
        self.waiting: list[str] = []
        self.last: LimiterInput | None = None

    def send(self, message: LimiterInput) -> list[tuple[str, StateType | None]]:
        decision = decide_slot(self.state, message)
        self.state, self.last = decision.state, message
        for name, part in decision.parts.items():
            self.parts.pop(name, None)
            if part is not None:
                self.parts[name] = part
        told = [(one.execution_id, one.input.state if isinstance(one.input, Refused) else None) for one in decision.commands]
        assert all(isinstance(one.input, Admitted | Refused) for one in decision.commands)
        return told

    def let_in(self) -> list[str]:
        """What the model does when there is room: the first of the line."""
        entered = []
        while self.waiting and (self.limit is None or len(self.running) < self.limit):
            entered.append(self.waiting.pop(0))
            self.running.add(entered[-1])
        return entered

    def learn(self, limit: int | None, revision: int) -> list[str]:
        if revision >= self.revision:
            self.limit, self.revision = limit, revision
        return self.let_in()

    @rule(name=NAMES, limit=LIMITS, on_full=st.sampled_from([S.QUEUED, S.QUEUED, S.CANCELLED, S.FAILED]), newer=st.integers(-1, 1))
    def ask(self, name: str, limit: int, on_full: StateType, newer: int) -> None:
        revision = max(self.revision + newer, 0)
        told = self.send(AcquireSlot(SCOPE, name, limit, on_full, revision))
        expected: list[tuple[str, StateType | None]] = [(other, None) for other in self.learn(limit, revision)]
        if name in self.running:
            expected.append((name, None))
        elif name in self.waiting:
            expected.append((name, S.QUEUED))
        elif (self.limit is None or len(self.running) < self.limit) and not self.waiting:
            self.running.add(name)
            expected.append((name, None))
        else:
            expected.append((name, on_full))
            if on_full is S.QUEUED:
                self.waiting.append(name)
        assert told == expected

    @rule(name=NAMES)
    def leave(self, name: str) -> None:
        """An end, or a kill in the line."""
        told = self.send(ReleaseSlot(SCOPE, name))
        self.running.discard(name)
        self.waiting = [other for other in self.waiting if other != name]
        assert told == [(other, None) for other in self.let_in()]

    @rule(limit=st.none() | LIMITS, newer=st.integers(-1, 1))
    def change(self, limit: int | None, newer: int) -> None:
        revision = max(self.revision + newer, 0)
        told = self.send(ChangeLimit(SCOPE, limit, revision))
        assert told == [(other, None) for other in self.learn(limit, revision)]

    @precondition(lambda self: self.last is not None)
    @rule()
    def hear_the_last_again(self) -> None:
        """The same request changes nothing, and whoever asked is told the same."""
        assert self.last is not None
        told, before = decide_slot(self.state, self.last), self.state
        assert told.state == before
        assert told.parts == {}

    @rule()
    def restart(self) -> None:
        """What is stored is all that there is."""
        self.state = SlotState.restored(self.parts)

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        assert set(self.state.holders) == self.running
        assert [self.state.line[place] for place in sorted(self.state.line)] == self.waiting
        assert dict(self.state.places) == {name: place for place, name in self.state.line.items()}
        assert (self.state.limit, self.state.revision) == (self.limit, self.revision)
        assert not self.waiting or (self.limit is not None and len(self.running) >= self.limit), "a slot stands empty"

    @invariant()
    def stored_parts_are_the_state(self) -> None:
        stored: Mapping[str, Any] = self.parts
        assert {name.partition("/")[2] for name in stored if name.startswith("holder/")} == self.running
        assert [stored[f"line/{place}"] for place in sorted(self.state.line)] == self.waiting


Line.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
test_the_line = Line.TestCase
