"""Decides for a scope (a flow with a limit): who has a slot, who waits in line; every request is idempotent by execution."""

from dataclasses import dataclass
from typing import assert_never

from kestra_stream.engine.commands import Tell
from kestra_stream.models.execution_input import Admitted, Refused
from kestra_stream.models.messages import AcquireSlot, ChangeLimit, LimiterInput, ReleaseSlot
from kestra_stream.models.state import S


@dataclass(frozen=True, slots=True)
class SlotState:
    """Slots of one scope.

    Attributes:
        holders: executions that run, in order of admission.
        line: executions that wait, first come first.
    """

    limit: int | None = None
    holders: tuple[str, ...] = ()
    line: tuple[str, ...] = ()


def decide_slot(state: SlotState, message: LimiterInput) -> tuple[SlotState, tuple[Tell, ...]]:
    """Fold a request into the scope; return its new state and what the executions are told."""
    match message:
        case AcquireSlot():
            return _acquire(state, message)
        case ReleaseSlot(scope=scope, execution_id=leaver):
            kept = SlotState(state.limit, _without(state.holders, leaver), _without(state.line, leaver))
            return _admit(kept, scope)
        case ChangeLimit(scope=scope, limit=limit):
            return _admit(SlotState(limit, state.holders, state.line), scope)
        case _:
            assert_never(message)


def _acquire(state: SlotState, message: AcquireSlot) -> tuple[SlotState, tuple[Tell, ...]]:
    asker = message.execution_id
    state = SlotState(message.limit, state.holders, state.line)
    if asker in state.holders:
        return state, (Tell(asker, Admitted(message.scope)),)
    if asker in state.line:
        return state, (Tell(asker, Refused(message.scope, S.QUEUED)),)
    if len(state.holders) < message.limit and not state.line:
        return SlotState(state.limit, (*state.holders, asker), state.line), (Tell(asker, Admitted(message.scope)),)
    if message.on_full is not S.QUEUED:
        return state, (Tell(asker, Refused(message.scope, message.on_full)),)
    queued, told = _admit(SlotState(state.limit, state.holders, (*state.line, asker)), message.scope)
    if asker in queued.line:
        told = (*told, Tell(asker, Refused(message.scope, S.QUEUED)))
    return queued, told


def _admit(state: SlotState, scope: str) -> tuple[SlotState, tuple[Tell, ...]]:
    """Admit from the head of the line as many as fit."""
    places = len(state.line) if state.limit is None else max(state.limit - len(state.holders), 0)
    fresh, rest = state.line[:places], state.line[places:]
    told = tuple(Tell(execution_id, Admitted(scope)) for execution_id in fresh)
    return SlotState(state.limit, (*state.holders, *fresh), rest), told


def _without(ids: tuple[str, ...], gone: str) -> tuple[str, ...]:
    return tuple(one for one in ids if one != gone) if gone in ids else ids
