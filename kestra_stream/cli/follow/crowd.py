"""Crowd: any number of things with their states in, the few that are worth a line out."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from kestra_stream.models.state import S, StateType

K = TypeVar("K", bound=Hashable)
BAD = frozenset({S.FAILED, S.KILLED, S.WARNING, S.CANCELLED})


@dataclass(slots=True)
class Crowd(Generic[K]):
    """Things in the order in which they came, each with its state; a change costs the same however many there are.

    Attributes:
        states: the present state of each.
        open: those that have not ended.
        bad: those that ended otherwise than they should.
    """

    states: dict[K, StateType] = field(default_factory=dict)
    open: dict[K, None] = field(default_factory=dict)
    bad: dict[K, None] = field(default_factory=dict)
    _places: dict[K, int] = field(default_factory=dict)
    _next: int = 0

    def put(self, thing: K, state: StateType) -> None:
        """Take in a thing, or its new state."""
        if thing not in self.states:
            self._places[thing] = self._next
            self._next += 1
        self.states[thing] = state
        _mark(self.open, thing, on=not state.is_terminal)
        _mark(self.bad, thing, on=state in BAD)

    def remove(self, thing: K) -> None:
        """Forget a thing."""
        for things in (self.states, self.open, self.bad, self._places):
            things.pop(thing, None)

    @property
    def ended(self) -> int:
        """How many have ended."""
        return len(self.states) - len(self.open)

    @property
    def state(self) -> StateType:
        """The state of all together: RUNNING while one is open, else the first bad one, else SUCCESS."""
        if self.open:
            return S.RUNNING
        return next((self.states[thing] for thing in self.bad), S.SUCCESS)

    def pick(self, most: int) -> list[K]:
        """Return at most so many, in their order: some that went wrong, those that are open, and the last ones."""
        if len(self.states) <= most:
            return list(self.states)
        chosen = dict.fromkeys(islice(self.bad, max(most // 2, 1)))
        for things in (self.open, reversed(self.states)):
            for thing in things:
                if len(chosen) >= most:
                    break
                chosen[thing] = None
        return sorted(chosen, key=lambda thing: self._places[thing])


def _mark(things: dict[K, None], thing: K, *, on: bool) -> None:
    if on:
        things[thing] = None
    else:
        things.pop(thing, None)
