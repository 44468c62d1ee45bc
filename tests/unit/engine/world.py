"""A small world around `decide`: executions, workers, a limiter and a clock. A list of numbers chooses what happens next.

Nothing here is random or waits: the same numbers tell the same history, so that hypothesis can shrink one that breaks a law.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from kestra_stream.engine import commands as c
from kestra_stream.engine.decide import decide
from kestra_stream.engine.limiter import SlotState, decide_slot
from kestra_stream.engine.plan import Plan
from kestra_stream.engine.state import ExecutionState
from kestra_stream.engine.step import Decision
from kestra_stream.engine.store import from_history, restored, stored, stored_anew
from kestra_stream.models import execution_input as i
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.messages import KillRequest, LimiterInput, TaskJob, WorkerJob
from kestra_stream.models.records import LogEntry
from kestra_stream.models.state import S, State, StateType
from kestra_stream.plugin.flow_source import parse_flow

START = datetime(2030, 1, 1, tzinfo=UTC)
PERSONS = (i.Restart, i.Replay, i.ChangeTaskRunState, i.ChangeStatus, i.SetLabels)
Result = StateType | tuple[StateType, Mapping[str, Any]]
Outcomes = Mapping[str, Sequence[Result]]


@dataclass(frozen=True)
class Happened:
    """One input of one execution: what was known before, what came, and what was decided."""

    before: ExecutionState
    message: i.ExecutionInput
    now: datetime
    decision: Decision


@dataclass
class Life:
    """One execution with all that the world has seen of it.

    Attributes:
        head, runs: what its events tell, folded.
        parts: what is stored of it, as a restarted executor would find it.
        past: everything that happened to it.
    """

    state: ExecutionState | None
    head: Execution
    runs: dict[str, TaskRun] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    sequence: int = 0
    past: list[Happened] = field(default_factory=list)

    def run(self, task_id: str, value: str | None = None) -> TaskRun:
        """The one run of a task (and loop value)."""
        (found,) = [run for run in self.runs.values() if run.task_id == task_id and (value is None or run.value == value)]
        return found

    def states(self) -> dict[str, list[str]]:
        """States by task id."""
        found: dict[str, list[str]] = {}
        for run in sorted(self.runs.values(), key=lambda run: (run.state.start_date, run.iteration or 0, run.id)):
            found.setdefault(run.task_id, []).append(run.state.current.value)
        return found

    @property
    def history(self) -> list[str]:
        """All states the execution was in."""
        return [transition.state.value for transition in self.head.state.histories]

    def commands(self) -> Iterable[c.Command]:
        """Everything that was asked for, in order."""
        return (command for happened in self.past for command in happened.decision.commands)

    def jobs(self, task_id: str) -> list[TaskJob]:
        """All dispatches of a task."""
        offered = (command.job for command in self.commands() if isinstance(command, c.Offer))
        return [job for job in offered if isinstance(job, TaskJob) and job.task_id == task_id]


@cache
def plan_of(source: str) -> Plan:
    """Compile a flow, once."""
    return Plan(parse_flow(source).model_copy(update={"revision": 1}))


Law = Callable[["World", Life, Happened], None]


class World:
    """Runs flows on `decide` alone.

    Args:
        sources: flow documents.
        outcomes: task id -> results of its attempts in turn (the last one repeats); SUCCESS for tasks that it does not name.
        laws: looked at after every decision.
    """

    def __init__(self, *sources: str, outcomes: Outcomes | None = None, laws: Iterable[Law] = ()) -> None:
        self.plans = {plan.flow.id: plan for plan in map(plan_of, sources)}
        self.outcomes = outcomes or {}
        self.laws = tuple(laws)
        self.now = START
        self.lives: dict[str, Life] = {}
        self.mail: deque[tuple[str, i.ExecutionInput]] = deque()
        self.reports: list[tuple[str, i.ExecutionInput]] = []
        self.told: list[tuple[str, i.ExecutionInput]] = []
        self.offered: list[TaskJob] = []
        self.held: list[TaskJob] = []
        self.tries: Counter[str] = Counter()
        self.kills: list[KillRequest] = []
        self.timers: dict[tuple[str, str], datetime] = {}
        self.slots: dict[str, SlotState] = {}
        self.logs: list[LogEntry] = []
        self.answers: dict[str, Any] = {}
        self.result_of: Callable[[str], Result] | None = None

    # -- what a test does ------------------------------------------------------------------------------------------------

    def create(self, flow_id: str, inputs: Mapping[str, Any] | None = None, execution_id: str = "e", **changes: Any) -> Life:
        """Create an execution and tell it so, at once."""
        head = Execution(execution_id, self.plans[flow_id].flow.namespace, flow_id, 1, State.created(self.now))
        self.deliver(execution_id, i.Create(replace(head, **changes), provided_inputs=inputs or {}))
        return self.lives[execution_id]

    def deliver(self, execution_id: str, message: i.ExecutionInput) -> Decision | None:
        """Let an input happen; None when nobody is there to hear it."""
        life = self._life(execution_id, message)
        came_back = life is not None and not life.parts
        if life is None or life.state is None:
            return None
        self.now += timedelta(microseconds=1)
        before = life.state
        decision = decide(before, message, self.now)
        happened = Happened(before, message, self.now, decision)
        life.past.append(happened)
        self._take_over(life, decision, stored_anew if came_back else stored)
        for law in self.laws:
            law(self, life, happened)
        return decision

    def settle(self, most: int = 20_000) -> None:
        """Let everything happen in order of arrival, until nothing is left to happen."""
        for _ in range(most):
            if not self.turn(0):
                return
        raise AssertionError(f"still busy after {most} turns")

    def settle_until(self, moment: datetime) -> None:
        """Let everything happen that is due up to a moment."""
        while self._moves() or any(at <= moment for at in self.timers.values()):
            self.turn(0)
        self.now = max(self.now, moment)

    def play(self, choices: Iterable[int]) -> None:
        """Let one thing happen for each number, which chooses it."""
        for choice in choices:
            self.turn(choice)

    def turn(self, choice: int) -> bool:
        """Let one thing happen; False when nothing can."""
        moves = self._moves()
        if not moves:
            return self.fire_next_timer()
        which, place = choice % len(moves), choice // len(moves)
        moves[which](place)
        return True

    def fire_next_timer(self) -> bool:
        """Move the clock to the next date that somebody waits for."""
        if not self.timers:
            return False
        key = min(self.timers, key=lambda key: (self.timers[key], key))
        self.now = max(self.now, self.timers.pop(key))
        self.deliver(key[0], i.TimerFired(key[1]))
        return True

    def restart_executor(self, execution_id: str) -> None:
        """Forget the state of an execution and build it from what is stored."""
        life = self.lives[execution_id]
        if life.state is None:
            return
        decision = restored(life.state.plan, life.parts, self.now)
        self._take_over(life, decision)

    # -- what may happen next ----------------------------------------------------------------------------------------------

    def _moves(self) -> list[Callable[[int], None]]:
        moves: list[Callable[[int], None]] = []
        if self.mail:
            moves.append(self._next_mail)
        if self.reports:
            moves.append(self._some_report)
        if self.offered:
            moves.append(self._take_job)
        if self.held:
            moves.append(self._end_job)
        return moves

    def _next_mail(self, _: int) -> None:
        self.deliver(*self.mail.popleft())

    def _some_report(self, place: int) -> None:
        report = self.reports.pop(place % len(self.reports))
        self.told.append(report)
        self.deliver(*report)

    def _take_job(self, place: int) -> None:
        job = self.offered.pop(place % len(self.offered))
        if self._is_killed(job):
            self.report(job.execution_id, ended(job, S.KILLED, self.now))
        else:
            self.held.append(job)
            self.report(job.execution_id, i.TaskRunStarted(job.task_run_id, job.epoch, "w", self.now))

    def _end_job(self, place: int) -> None:
        job = self.held.pop(place % len(self.held))
        results = (
            [self.result_of(job.task_run_id)] if self.result_of and job.task_id == "c1" else self.outcomes.get(job.task_id, [S.SUCCESS])
        )
        self.tries[job.task_run_id] += 1
        result = results[min(self.tries[job.task_run_id], len(results)) - 1]
        if self._is_killed(job):
            result = S.KILLED
        elif job.task_id.endswith("_split") and result is S.SUCCESS:
            result = (S.SUCCESS, {"numberOfBatches": 3, "base": "kestra:///rows", "splits": "kestra:///rows/splits"})
        self.report(job.execution_id, ended(job, result, self.now))

    def lose_worker(self, place: int) -> None:
        """Let the worker of some job be lost; what it had reported may still arrive."""
        job = self.held.pop(place % len(self.held))
        self.report(job.execution_id, i.WorkerLost(job.task_run_id, job.epoch))

    def report(self, execution_id: str, message: i.ExecutionInput) -> None:
        """Let a worker tell something, which arrives some time."""
        self.reports.append((execution_id, message))

    def _is_killed(self, job: TaskJob) -> bool:
        return any(
            request.execution_id == job.execution_id
            and (request.before is None or job.sequence < request.before)
            and (request.task_run_id is None or (request.task_run_id == job.task_run_id and job.epoch <= (request.epoch or 0)))
            for request in self.kills
        )

    # -- what follows ------------------------------------------------------------------------------------------------------

    def _life(self, execution_id: str, message: i.ExecutionInput) -> Life | None:
        life = self.lives.get(execution_id)
        if life is None and isinstance(message, i.Create):
            head = message.execution
            life = self.lives[execution_id] = Life(ExecutionState(self.plans[head.flow_id], head), head)
        elif life is not None and life.state is None and isinstance(message, PERSONS):
            life.state = from_history(self.plans[life.head.flow_id], life.head, life.runs.values(), life.sequence)
        return life

    def _take_over(self, life: Life, decision: Decision, store: Callable[[Decision], dict[str, Any]] = stored) -> None:
        life.state = decision.state
        for name, part in store(decision).items():
            if part is None:
                life.parts.pop(name, None)
            else:
                life.parts[name] = part
        for command in decision.commands:
            self._obey(life, command)

    def _obey(self, life: Life, command: c.Command) -> None:
        execution_id = life.head.id
        match command:
            case c.Offer(job=job):
                self._offer(job)
            case c.Tell(execution_id=other, input=message):
                self.mail.append((other, message))
            case c.StopJobs(request=request):
                self.kills.append(request)
            case c.AskLimiter(request=request):
                self._ask_limiter(request)
            case c.Publish(event=event):
                _fold(life, event)
            case c.WriteLog(entry=entry):
                self.logs.append(entry)
            case c.SetTimer(timer_id=timer_id, at=at):
                self.timers[execution_id, timer_id] = at
            case c.CancelTimer(timer_id=timer_id):
                self.timers.pop((execution_id, timer_id), None)
            case c.Forget():
                life.state = None
                life.parts.clear()

    def _offer(self, job: WorkerJob) -> None:
        if isinstance(job, TaskJob):
            return self.offered.append(job)
        answers = (self.answers.get(call.function) for call in job.calls)
        told = (
            i.LookupAnswer(call.key, error=str(answer)) if isinstance(answer, Exception) else i.LookupAnswer(call.key, answer)
            for call, answer in zip(job.calls, answers, strict=True)
        )
        return self.report(job.execution_id, i.LookedUp(job.lookup_id, tuple(told)))

    def _ask_limiter(self, request: LimiterInput) -> None:
        slots = decide_slot(self.slots.get(request.scope, SlotState()), request)
        self.slots[request.scope] = slots.state
        self.mail.extend((told.execution_id, told.input) for told in slots.commands)


def _fold(life: Life, event: ExecutionEvent) -> None:
    life.head = event.execution or life.head
    life.runs.update({run.id: run for run in event.task_runs})
    for run_id in event.removed:
        life.runs.pop(run_id, None)
    life.sequence = event.sequence


def ended(job: TaskJob, result: Result, now: datetime) -> i.TaskRunEnded:
    """The report of an attempt."""
    state, outputs = result if isinstance(result, tuple) else (result, {})
    return i.TaskRunEnded(job.task_run_id, job.epoch, state, now, now, outputs, "it broke" if state is S.FAILED else None, worker_id="w")
