"""One render in progress: its variables, its scopes, and what is left of its budget."""

from collections.abc import Mapping, Sized
from typing import NoReturn, TypeGuard

from kestra_stream.errors import BudgetExceeded
from kestra_stream.expression.environment import Environment
from kestra_stream.expression.lexer import shorten

Scope = dict[str, object]
_SLICE = 2_000


def _is_sized(value: object) -> TypeGuard[Sized]:
    return hasattr(value, "__len__")


class Frame:
    """What the compiled closures of a template pass along.

    Attributes:
        variables: the context.
        environment: clock, zone, randomness, functions that need IO.
        scopes: names that the template itself made, innermost last.
        steps: steps that are left until somebody looks at the clock.
        reserve: steps that are left beyond these.
        characters: characters of output that are left.
        nesting: how deep macros, blocks and `render()` are inside each other.
        raws: raw texts that stand as marks in the output while it is rendered again and again; None when it is not.
    """

    __slots__ = ("characters", "environment", "nesting", "raws", "reserve", "scopes", "source", "steps", "until", "variables")

    def __init__(self, variables: Mapping[str, object], environment: Environment, source: str) -> None:
        self.variables = variables
        self.environment = environment
        self.source = source
        budget = environment.budget
        self.steps = min(_SLICE, budget.steps)
        self.reserve = budget.steps - self.steps
        self.until: float | None = None
        self.characters = budget.characters
        self.nesting = 0
        self.scopes: list[Scope] = []
        self.raws: list[str] | None = None

    def charge(self, steps: int) -> None:
        """Use up steps; BudgetExceeded when none are left."""
        self.steps -= steps
        if self.steps < 0:
            self._begin_slice()

    @property
    def used(self) -> int:
        """Steps that were used so far."""
        return self.environment.budget.steps - self.steps - self.reserve

    def _begin_slice(self) -> None:
        """Take more steps from the reserve while there are some, and while the render has not taken too long."""
        budget = self.environment.budget
        if self.steps + self.reserve < 0:
            self.steps = self.reserve = 0
            self.exceeded(f"more than {budget.steps:,} steps")
        if self.environment.work_time is not None:
            self._look_at_the_clock(self.environment.work_time(), budget.seconds)
        self.reserve += self.steps
        self.steps = min(_SLICE, self.reserve)
        self.reserve -= self.steps

    def _look_at_the_clock(self, now: float, seconds: float) -> None:
        if self.until is None:
            self.until = now + seconds
        elif now > self.until:
            self.steps = self.reserve = 0
            self.exceeded(f"more than {seconds:g} seconds of computing")

    def work_on(self, value: object) -> None:
        """Use up as many steps as one pass over a value costs."""
        steps = 1
        if isinstance(value, str):
            steps += len(value) >> 8
        elif _is_sized(value):
            steps += len(value) >> 3
        self.charge(steps)

    def write(self, characters: int) -> None:
        """Use up characters of output; BudgetExceeded when none are left."""
        self.characters -= characters
        if self.characters < 0:
            self.exceeded(f"more than {self.environment.budget.characters:,} characters of output")

    def text(self, text: str) -> str:
        """Pass on a text made on the way, unless it is too long."""
        self.check_characters(len(text))
        return text

    def check_characters(self, characters: int) -> None:
        """BudgetExceeded when a text of so many characters may not be made."""
        if characters > self.environment.budget.characters:
            self.exceeded(f"a text of more than {self.environment.budget.characters:,} characters")
        self.charge(characters >> 8)

    def check_items(self, items: int) -> None:
        """BudgetExceeded when a list or map of so many items may not be made."""
        if items > self.environment.budget.items:
            self.exceeded(f"a list or map of more than {self.environment.budget.items:,} items")
        self.charge(items >> 2)

    def enter(self) -> None:
        """Go one level deeper; BudgetExceeded when that is too deep; pairs with `leave`."""
        self.nesting += 1
        self.charge(1)
        if self.nesting > self.environment.budget.depth:
            self.exceeded(f"more than {self.environment.budget.depth} levels of nesting")

    def leave(self) -> None:
        """Come back from a level."""
        self.nesting -= 1

    def exceeded(self, what: str) -> NoReturn:
        """Raise BudgetExceeded."""
        raise BudgetExceeded(f"The expression `{shorten(self.source)}` needs {what}, {self.environment.budget.why}")

    def assign(self, name: str, value: object) -> None:
        """Give a value to a name of the template: in the nearest scope that has it, else in the innermost one."""
        for scope in reversed(self.scopes):
            if name in scope:
                scope[name] = value
                return
        if not self.scopes:
            self.scopes.append({})
        self.scopes[-1][name] = value
