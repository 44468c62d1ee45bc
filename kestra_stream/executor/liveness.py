"""Liveness: heartbeats of workers in, `WorkerLost` for what a silent one held out.

beat ── look ── look ── beat ── look ── look ── ... ── look ──> lost: its dispatches go back through the inbox, where the state is checked
                                └────── `LOOKS` in a row ─────┘
Silence is counted in looks of this processor, not in time alone: while it slept itself (a suspended process, a machine that was
halted, a change of the owner) nobody is held guilty for what it could not hear.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kestra_stream.errors import Invalid
from kestra_stream.models.execution_input import WorkerLost
from kestra_stream.models.messages import KillRequest, ServiceHeartbeat, ServiceState
from kestra_stream.queue.interface import Outgoing, Record, State, StateChange, TopicPartition, Transaction
from kestra_stream.runtime.clock import MOST_SKEW
from kestra_stream.runtime.homes import Homes
from kestra_stream.topics import EXECUTION_INBOX, KILL, LIVENESS_STATE, SERVICE

logger = logging.getLogger(__name__)

LOOKS = 8
_AT_ONCE = datetime.min.replace(tzinfo=UTC)


class Liveness:
    """The processor that notices the end of workers.

    Args:
        timeout: how long a worker may be silent.
    """

    group = "liveness"
    topics = (SERVICE,)
    state = LIVENESS_STATE

    def __init__(self, timeout: timedelta) -> None:
        self._interval = timeout / LOOKS
        self._workers: dict[str, ServiceHeartbeat] = {}
        self._silent: dict[str, int] = {}
        self._homes = Homes()
        self._staged: dict[str, ServiceHeartbeat | None] = {}
        self._next_look: datetime | None = None
        self._skewed: set[str] = set()

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        """Take in heartbeats; a worker that has ended gives back what it still held.

        Raises:
            Invalid: a heartbeat has the key of another service.
        """
        given_back: list[Outgoing] = []
        for record in records:
            beat: ServiceHeartbeat | None = record.value
            if beat is None or beat.service_type != "WORKER":
                continue
            if beat.service_id != record.key:
                raise Invalid(f"a heartbeat of `{beat.service_id}` has the key `{record.key}`")
            self._homes.put(record.partition, beat.service_id)
            self._compare_clocks(beat, record.timestamp)
            if beat.state is ServiceState.TERMINATED:
                given_back.extend(_lost(beat))
            self._staged[beat.service_id] = None if beat.state is ServiceState.TERMINATED else beat
        if self._next_look is None or self._next_look == _AT_ONCE:
            self._next_look = now + self._interval
        return Transaction(given_back, self._changes())

    def wake(self, now: datetime) -> Transaction:
        """Look once: a worker that was not heard of for too many looks is lost."""
        if self._next_look == _AT_ONCE:
            self._next_look = now + self._interval
            return Transaction()
        self._next_look = now + self._interval
        lost: list[Outgoing] = []
        for service_id, beat in self._workers.items():
            self._silent[service_id] = self._silent.get(service_id, 0) + 1
            if self._silent[service_id] >= LOOKS:
                lost.extend(_lost(beat))
                lost.append(Outgoing(SERVICE, service_id, replace(beat, state=ServiceState.TERMINATED, at=now, held=())))
                self._staged[service_id] = None
        return Transaction(lost, self._changes())

    def wake_at(self) -> datetime | None:
        """The next look; none while there are no workers."""
        return self._next_look if self._workers else None

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        """Restore the workers; how long they have been silent is not known, so that counts from now on."""
        del partitions
        for number, workers in state.items():
            for service_id, parts in workers.items():
                self._workers[service_id] = parts[""]
                self._homes.put(number, service_id)
        self._next_look = _AT_ONCE

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Forget the workers that these partitions tell of."""
        self._staged.clear()
        for service_id in self._homes.leave(partitions):
            self._workers.pop(service_id, None)
            self._silent.pop(service_id, None)

    def rolled_back(self) -> None:
        """Forget what the last batch changed; a look that told of nobody counts all the same."""
        self._staged.clear()

    def committed(self) -> None:
        """What the last batch changed is true now."""
        for service_id, beat in self._staged.items():
            self._silent.pop(service_id, None)
            if beat is None:
                self._workers.pop(service_id, None)
            else:
                self._workers[service_id] = beat
        self._staged.clear()

    def _compare_clocks(self, beat: ServiceHeartbeat, taken_at: datetime) -> None:
        """Tell once of a worker whose clock is far from the log's; its silence is not measured by it, but the dates of its runs are."""
        skew = beat.at - taken_at
        if abs(skew) <= MOST_SKEW or beat.state is ServiceState.TERMINATED:
            self._skewed.discard(beat.service_id)
        elif beat.service_id not in self._skewed:
            self._skewed.add(beat.service_id)
            way = "ahead of" if skew > timedelta() else "behind"
            logger.warning(
                "the clock of worker %s is %.0f s %s the log's: dates of its task runs are wrong by that; set the clocks by NTP",
                beat.service_id,
                abs(skew).total_seconds(),
                way,
            )

    def _changes(self) -> list[StateChange]:
        """What is stored: who lives and what it holds, not each heartbeat."""
        return [
            StateChange(service_id, "", beat)
            for service_id, beat in self._staged.items()
            if _worth_storing(beat) != _worth_storing(self._workers.get(service_id))
        ]


def _worth_storing(beat: ServiceHeartbeat | None) -> object:
    return None if beat is None else (beat.state, beat.held)


def _lost(beat: ServiceHeartbeat) -> Iterator[Outgoing]:
    """The dispatches of a worker come back; should it live after all, it is told to stop them."""
    for execution_id, task_run_id, epoch in beat.held:
        yield Outgoing(EXECUTION_INBOX, execution_id, WorkerLost(task_run_id, epoch))
        yield Outgoing(KILL, execution_id, KillRequest(execution_id, task_run_id, epoch))
