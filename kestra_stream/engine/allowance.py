"""What the expressions of one execution may cost the engine that it shares with all others, in steps of the language.

    spent   0 ────── ... ────── `BURST` ──>      (and back again, `A_SECOND`)
    budget  the whole one ───── what is left ──── `LEAST`, which plain expressions never need

One expression is bounded by its own budget; a loop can ask for thousands of the costliest ones. So an execution that has spent much
does its work in short steps, between which others get their turn; and what has spent its allowance may render plain expressions only
until some time has passed.
"""

from datetime import datetime
from typing import Protocol

from kestra_stream.expression import Budget

BURST = 4_000_000
A_SECOND = 100_000
LEAST = 10_000
MOST_IN_A_STEP = 200_000
_WHOLE = Budget()


class Spender(Protocol):
    """Who spends: a step of an execution.

    Attributes:
        spent: steps that the execution has used of late.
        rendered: steps that its present step has used.
    """

    spent: int
    rendered: int


def spent_by(spent: int, since: datetime | None, now: datetime) -> int:
    """Return what counts still of what was spent until some moment."""
    if not spent or since is None:
        return 0
    return max(0, spent - int((now - since).total_seconds() * A_SECOND))


def budget_of(spender: Spender) -> Budget:
    """Return what the next expression may use."""
    left = min(BURST - spender.spent, _WHOLE.steps - spender.rendered)
    if left >= _WHOLE.steps // 2:
        return _WHOLE
    return Budget(
        steps=max(left, LEAST),
        why=f"and its execution has used {spender.spent:,} of late, {spender.rendered:,} of them just now; let a task compute such values",
    )


def spend(spender: Spender, steps: int) -> None:
    """Note what an expression has used."""
    spender.spent += steps
    spender.rendered += steps
