"""Executor: `execution_inbox` in, `decide`, everything that follows out, in one transaction. It holds no rule of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kestra_stream.engine.decide import decide, fail_execution
from kestra_stream.engine.plan import Plan
from kestra_stream.engine.state import ExecutionState
from kestra_stream.engine.step import Decision
from kestra_stream.engine.store import from_history, restored, stored, stored_anew
from kestra_stream.errors import Invalid, InvalidFlow
from kestra_stream.executor.ended import Endings
from kestra_stream.executor.live import LiveExecutions
from kestra_stream.executor.outbox import HasWorker, Outbox, always
from kestra_stream.executor.plans import Plans
from kestra_stream.executor.recall import Known, Past, Recalls
from kestra_stream.models import execution_input as i
from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.execution_input import ExecutionInput
from kestra_stream.models.flow import Flow
from kestra_stream.models.state import S
from kestra_stream.models.stored_state import Phase
from kestra_stream.queue.interface import Record, State, TopicPartition, Transaction
from kestra_stream.runtime.clock import MOST_SKEW
from kestra_stream.topics import EXECUTION_INBOX, EXECUTOR_STATE

History = Callable[[str], Known | None]
_REPORTS = (i.TaskRunStarted, i.TaskRunEnded, i.ChildTaskRunReported, i.WorkerLost, i.NoWorker)
_REVIVING = (i.Restart, i.Replay, i.ChangeTaskRunState, i.ChangeStatus, i.SetLabels)


class Executor:
    """The processor of executions.

    Args:
        plans: compiled flows.
        history: an execution as the repository knows it, for commands on executions that were let go.
        recalls: given where there is no repository: such commands wait here until the log has told of the execution.
        has_worker: whether a worker of a group lives; without it all groups count as served.
        most_live: executions that are held in memory where the state is kept on disk; those that were idle the longest are let out.

    Attributes:
        stale_results: reports of workers that changed nothing: late, doubled, or of a dispatch that is not the newest.
    """

    group = "executor"
    topics = (EXECUTION_INBOX,)
    state = EXECUTOR_STATE

    def __init__(
        self, plans: Plans, history: History, recalls: Recalls | None = None, most_live: int = 10_000, has_worker: HasWorker = always
    ) -> None:
        self._plans = plans
        self._history = history
        self._recalls = recalls
        self._recalled: dict[str, Past] = {}
        self._live = LiveExecutions(self._loaded, most_live)
        self._staged: dict[str, ExecutionState | None] = {}
        self._has_worker = has_worker
        self._outbox = Outbox(has_worker)
        self._due: list[tuple[str, str]] = []
        self._endings = Endings(self._live.ended)
        self._stale = 0
        self.stale_results = 0

    # -- records -----------------------------------------------------------------------------------------------------

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        """Let every record change its execution; nothing is visible in memory before `committed`."""
        self._outbox = Outbox(self._has_worker)
        for execution_id, decision in self._live.owed.items():
            self._outbox.add(execution_id, decision, stored(decision))
        for record in records:
            self._step(record.key, record.partition, record.value, record.timestamp)
            if record.key in self._staged or self._is_waiting(record.key):
                self._live.settle_in(record.key, record.partition)
        del now
        return self._outbox.transaction()

    def _step(self, execution_id: str, number: int, message: ExecutionInput, now: datetime) -> None:
        message = _dated(message, now)
        state = self._present(execution_id, number)
        store = stored
        if state is None:
            store = stored_anew
            state = self._awakened(execution_id, message, now)
            if state is None:
                self._stale += isinstance(message, _REPORTS)
                if isinstance(message, i.Admitted):
                    self._outbox.give_back(execution_id, message.scope)
                return
        if state.phase is Phase.WAITING:
            state = self._with_newest(state)
        try:
            decision = decide(state, message, now)
        except Exception as error:  # noqa: BLE001 - a fault of the engine costs its execution, not the executor
            decision = fail_execution(state, f"{type(error).__name__}: {error}", now)
        self._stale += isinstance(message, _REPORTS) and not (decision.commands or decision.parts)
        self._outbox.add(execution_id, decision, store(decision))
        self._staged[execution_id] = None if self._outbox.forgets(execution_id) else decision.state
        if self._recalls is not None:  # without a repository nobody else could tell a `Create` that comes twice
            for change in self._endings.note(execution_id, now if self._staged[execution_id] is None else None):
                self._outbox.keep(change)
        if execution_id in self._recalled:
            now_known = decision.state
            self._recalled[execution_id] = Past((now_known.execution, tuple(now_known.task_runs.values()), now_known.sequence))

    def _present(self, execution_id: str, number: int) -> ExecutionState | None:
        """Return the state of an execution that is under way."""
        if execution_id in self._staged:
            return self._staged[execution_id]
        state = self._live.get(execution_id)
        if state is not None:
            return state
        fetched = self._live.fetch(execution_id, number)
        if fetched is None:
            return None
        if fetched.commands:
            self._outbox.add(execution_id, fetched, stored(fetched))
        return fetched.state

    def _awakened(self, execution_id: str, message: ExecutionInput, now: datetime) -> ExecutionState | None:
        """Return the state for an input of an execution that is not live; None when nothing comes of it.

        Raises:
            Invalid: the record lies where the execution does not belong.
        """
        if isinstance(message, i.Create):
            if message.execution.id != execution_id:
                raise Invalid(f"a `create` of execution `{message.execution.id}` has the key `{execution_id}`")
            return self._born(message, now)
        if not isinstance(message, _REVIVING):
            return None
        if self._recalls is not None and execution_id not in self._recalled:
            self._outbox.keep(self._recalls.wait(execution_id, message))
            return None
        past = self._recalled.get(execution_id) or Past(self._history(execution_id), "it does not exist any more")
        if past.known is None:
            return self._stays_away(execution_id, message, past.lost)
        head, runs, sequence = past.known
        if not head.state.is_terminal:
            return self._stays_away(execution_id, message, "its end is not known yet; try again")
        plan = self._plan(head)
        if isinstance(plan, Plan):
            return from_history(plan, head, runs, sequence)
        return self._stays_away(execution_id, message, plan)

    def _stays_away(self, execution_id: str, message: ExecutionInput, why: str) -> ExecutionState | None:
        """Nothing comes of the input; a task run that wants its child restarted, and would wait for its end, is told."""
        link = message.parent if isinstance(message, i.Restart) else None
        if link is not None:
            error = f"execution `{execution_id}` can not be restarted: {why}"
            ended = i.SubflowEnded(link.task_run_id, link.epoch, execution_id, S.FAILED, None, link.iteration, error)
            self._outbox.tell(link.execution_id, ended)
        return None

    def _born(self, message: i.Create, now: datetime) -> ExecutionState | None:
        head = message.execution
        if head.id in self._endings or self._is_waiting(head.id) or self._history(head.id) is not None:
            return None  # the same `Create` once more, after the execution was let go
        plan = self._plan(head)
        if isinstance(plan, Plan):
            if not plan.flow.disabled:
                return ExecutionState(plan, head)
            plan = f"flow `{head.namespace}.{head.flow_id}` is disabled"
        if message.parent is not None:
            link = message.parent
            ended = i.SubflowEnded(link.task_run_id, link.epoch, head.id, S.FAILED, None, link.iteration, plan)
            self._outbox.tell(link.execution_id, ended)
        else:
            failed = replace(head.with_state(S.FAILED, now), error=plan)
            self._outbox.publish(ExecutionEvent(head.id, 1, failed, finished=True))
        return None

    def _plan(self, head: Execution) -> Plan | str:
        """Return the compiled flow of an execution, or why there is none."""
        name = f"flow `{head.namespace}.{head.flow_id}`" + (f" revision {head.flow_revision}" if head.flow_revision else "")
        try:
            plan = self._plans.get(head.tenant_id, head.namespace, head.flow_id, head.flow_revision)
        except InvalidFlow as error:
            return f"{name} is not valid: {error}"
        return plan if plan is not None else f"{name} does not exist"

    def _newest(self, plan: Plan) -> Flow | None:
        """Return the newest revision of a plan's flow where that is another: the limit of concurrency is the newest one's."""
        flow = plan.flow
        newest = self._plans.newest(flow.tenant_id, flow.namespace, flow.id)
        return newest if newest is not None and newest.revision != flow.revision else None

    def _with_newest(self, state: ExecutionState) -> ExecutionState:
        newest = self._newest(state.plan)
        return state if newest is state.newest else state._replace(newest=newest)

    # -- timers --------------------------------------------------------------------------------------------------------

    def wake_at(self) -> datetime | None:
        """Tell when the next timer is due; at once when a restored execution has something to send, or a past has been found."""
        if self._live.owed or (self._recalls is not None and self._recalls.is_due):
            return datetime.min.replace(tzinfo=UTC)
        return min((at for at in (self._live.timers.next_at(), self._live.ended.next_at()) if at is not None), default=None)

    def wake(self, now: datetime) -> Transaction:
        """Turn timers that are due into records; commands whose execution has been found in the past are done."""
        self.process((), now)
        self._due = self._live.timers.due(now)
        for execution_id, timer_id in self._due:
            self._outbox.tell(execution_id, i.TimerFired(timer_id))
        for change in self._endings.let_go(now):
            self._outbox.keep(change)
        for execution_id, messages, past, change in self._recalls.take() if self._recalls is not None else ():
            self._outbox.keep(change)
            self._recalled[execution_id] = past
            for message in messages:
                self._step(execution_id, self._live.number_of(execution_id), message, now)
            del self._recalled[execution_id]
        return self._outbox.transaction()

    def _is_waiting(self, execution_id: str) -> bool:
        return self._recalls is not None and self._recalls.is_waiting(execution_id)

    # -- life ------------------------------------------------------------------------------------------------------------

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        """Restore the live executions of new partitions."""
        del partitions
        for execution_id, messages in self._live.restore(state):
            if self._recalls is not None:
                self._recalls.restore(execution_id, messages)

    def _loaded(self, parts: Mapping[str, Any]) -> Decision | None:
        """Build an execution back from its stored parts; None when there is no flow for it."""
        head: Execution = parts[""].execution
        plan = self._plan(head)
        if not isinstance(plan, Plan):
            return None
        newest = self._newest(plan) if parts[""].phase is Phase.WAITING else None
        return restored(plan, parts, head.state.histories[-1].date, newest)

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Forget the executions of these partitions."""
        self.rolled_back()
        for execution_id in self._live.leave(partitions):
            if self._recalls is not None:
                self._recalls.leave(execution_id)

    def rolled_back(self) -> None:
        """Forget what the last batch changed."""
        self._staged.clear()
        self._recalled.clear()
        self._endings.rolled_back()
        if self._recalls is not None:
            self._recalls.rolled_back()
        self._due = []
        self._stale = 0

    def committed(self) -> None:
        """What the last batch changed is true now."""
        done = self._recalls.committed() if self._recalls is not None else []
        for execution_id, state in self._staged.items():
            self._live.put(execution_id, state)
        for execution_id in (*self._staged, *done, *self._endings.committed()):
            if not self._is_waiting(execution_id):
                self._live.settle_out(execution_id)
        self._staged.clear()
        self._live.owed.clear()
        self.stale_results, self._stale = self.stale_results + self._stale, 0
        self._live.retime(self._due, self._outbox.timers)
        self._due = []

    @property
    def live_executions(self) -> int:
        """How many executions are held in memory."""
        return len(self._live)

    @property
    def timers_waiting(self) -> int:
        """How many moments they wait for."""
        return len(self._live.timers)


def _dated(message: ExecutionInput, now: datetime) -> ExecutionInput:
    """Give a new execution the log's date where its creator's clock is far from that: its deadlines count from there."""
    if not isinstance(message, i.Create):
        return message
    head = message.execution
    created, *since = head.state.histories
    if since or abs(created.date - now) <= MOST_SKEW:
        return message
    return replace(message, execution=replace(head, state=replace(head.state, histories=(replace(created, date=now),))))
