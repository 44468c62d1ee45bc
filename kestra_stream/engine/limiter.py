"""Decides for a scope (a flow with a limit): who has a slot, who waits in line; every request is idempotent by execution.

The limit is that of the newest revision that anybody has told of.

Stored parts of a scope: "" -> the limit, `revision` -> whose it is, `holder/ID` -> True, `line/NUMBER` -> the execution that waits at
that place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from immutables import Map

from kestra_stream.engine.commands import Tell
from kestra_stream.models.execution_input import Admitted, Refused
from kestra_stream.models.messages import AcquireSlot, ChangeLimit, LimiterInput, ReleaseSlot
from kestra_stream.models.state import S


def flow_scope(tenant: str, namespace: str, flow_id: str) -> str:
    """Name the scope of a flow; parts are length-prefixed, so no two flows share one."""
    return "flow:" + "/".join(f"{len(part)}.{part}" for part in (tenant, namespace, flow_id))


@dataclass(frozen=True, slots=True)
class SlotState:
    """Slots of one scope.

    Attributes:
        limit: None when the flow has no limit (any more).
        revision: of the flow, that the limit is of.
        holders: executions that run.
        line: place -> execution that waits there, first come first; `first` and `next` bound the places.
        places: execution that waits -> its place.
    """

    limit: int | None = None
    holders: Map[str, None] = field(default_factory=Map)
    line: Map[int, str] = field(default_factory=Map)
    places: Map[str, int] = field(default_factory=Map)
    first: int = 0
    next: int = 0
    revision: int = 0

    @classmethod
    def restored(cls, parts: Mapping[str, Any]) -> "SlotState":
        """Build the state back from its stored parts."""
        holders = {name.partition("/")[2]: None for name in parts if name.startswith("holder/")}
        line = {int(name.partition("/")[2]): value for name, value in parts.items() if name.startswith("line/")}
        first, following = (min(line), max(line) + 1) if line else (0, 0)
        places = {execution_id: place for place, execution_id in line.items()}
        return cls(parts.get(""), Map(holders), Map(line), Map(places), first, following, parts.get("revision", 0))


class _Draft:
    """The scope while one request changes it."""

    def __init__(self, state: SlotState, scope: str) -> None:
        self.scope = scope
        self.limit, self.holders, self.line, self.places = state.limit, state.holders, state.line, state.places
        self.first, self.next, self.revision = state.first, state.next, state.revision
        self.told: list[Tell] = []
        self.parts: dict[str, object] = {}

    def set_limit(self, limit: int | None, revision: int) -> None:
        """Take over a limit, unless that of a newer revision is known, and let in whoever fits now."""
        if revision < self.revision:
            return
        if limit != self.limit:
            self.limit = self.parts[""] = limit
        if revision != self.revision:
            self.revision = self.parts["revision"] = revision
        self.admit_from_line()

    def admit(self, execution_id: str) -> None:
        self.holders = self.holders.set(execution_id, None)
        self.parts[f"holder/{execution_id}"] = True
        self.told.append(Tell(execution_id, Admitted(self.scope)))

    def queue(self, execution_id: str) -> None:
        self.line = self.line.set(self.next, execution_id)
        self.places = self.places.set(execution_id, self.next)
        self.parts[f"line/{self.next}"] = execution_id
        self.next += 1
        self.told.append(Tell(execution_id, Refused(self.scope, S.QUEUED)))

    def release(self, execution_id: str) -> None:
        if execution_id in self.holders:
            self.holders = self.holders.delete(execution_id)
            self.parts[f"holder/{execution_id}"] = None
        if execution_id in self.places:
            self._leave(execution_id)

    def _leave(self, execution_id: str) -> None:
        place = self.places[execution_id]
        self.places = self.places.delete(execution_id)
        self.line = self.line.delete(place)
        self.parts[f"line/{place}"] = None

    def admit_from_line(self) -> None:
        while self.line and self.has_room():
            if self.first in self.line:
                execution_id = self.line[self.first]
                self._leave(execution_id)
                self.admit(execution_id)
            self.first += 1

    def has_room(self) -> bool:
        return self.limit is None or len(self.holders) < self.limit

    def frozen(self) -> SlotState:
        return SlotState(self.limit, self.holders, self.line, self.places, self.first, self.next, self.revision)


@dataclass(frozen=True, slots=True)
class SlotDecision:
    """The scope after a request, what the executions are told, and which stored parts differ."""

    state: SlotState
    commands: tuple[Tell, ...]
    parts: Mapping[str, object]


def decide_slot(state: SlotState, message: LimiterInput) -> SlotDecision:
    """Fold a request into its scope."""
    draft = _Draft(state, message.scope)
    match message:
        case AcquireSlot():
            _acquire(draft, message)
        case ReleaseSlot(execution_id=leaver):
            draft.release(leaver)
        case ChangeLimit(limit=limit, revision=revision):
            draft.set_limit(limit, revision)
        case _:
            assert_never(message)
    draft.admit_from_line()
    return SlotDecision(draft.frozen(), tuple(draft.told), draft.parts)


def _acquire(draft: _Draft, message: AcquireSlot) -> None:
    """Admit, queue or refuse; who asks again is told the same again."""
    asker = message.execution_id
    draft.set_limit(message.limit, message.revision)
    if asker in draft.holders:
        draft.told.append(Tell(asker, Admitted(draft.scope)))
    elif asker in draft.places:
        draft.told.append(Tell(asker, Refused(draft.scope, S.QUEUED)))
    elif draft.has_room() and not draft.line:
        draft.admit(asker)
    elif message.on_full is S.QUEUED:
        draft.queue(asker)
    else:
        draft.told.append(Tell(asker, Refused(draft.scope, message.on_full)))
