"""Timers of the draft: wake-ups that the engine asks for, each a record that a restore finds again."""

from datetime import datetime

from kestra_stream.engine import commands as c
from kestra_stream.engine.step import Step
from kestra_stream.models.stored_state import Timer, TimerKind

_OF_A_RUN = ("timeout", "loop", "retry", "pause", "pause-timeout")


def set_timer(step: Step, timer_id: str, at: datetime, kind: TimerKind, subject: str) -> None:
    """Ask to be woken."""
    timer = Timer(at, kind, subject)
    step.timers = step.timers.set(timer_id, timer)
    step.parts[f"timer/{timer_id}"] = timer
    step.command(c.SetTimer(timer_id, at))


def cancel_timer(step: Step, timer_id: str) -> None:
    """Forget a wake-up, if there is one."""
    if take_timer(step, timer_id) is not None:
        step.command(c.CancelTimer(timer_id))


def cancel_timers_of(step: Step, run_id: str) -> None:
    """Forget every wake-up that is about a run."""
    for kind in _OF_A_RUN:
        cancel_timer(step, f"{kind}:{run_id}")


def take_timer(step: Step, timer_id: str) -> Timer | None:
    """Remove a timer and return it; None when there is none."""
    timer = step.timers.get(timer_id)
    if timer is not None:
        step.timers = step.timers.delete(timer_id)
        step.parts[f"timer/{timer_id}"] = None
    return timer
