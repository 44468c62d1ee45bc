"""Commands of the API: validates what is asked for, appends it to a topic, reads the repository. Used by every door (CLI, HTTP)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from kestra_stream.engine.checks import evaluate_checks
from kestra_stream.engine.inputs import ResolvedInputs, ReviewedInputs, resolve_inputs, review_inputs
from kestra_stream.errors import IllegalTransition, Invalid, NotFound
from kestra_stream.models import execution_input as i
from kestra_stream.models.behaviour import Pause
from kestra_stream.models.execution import Execution, ExecutionTrigger, Label, TaskRun
from kestra_stream.models.flow import CheckBehavior, Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.records import Level
from kestra_stream.models.state import S, State
from kestra_stream.models.task import Task
from kestra_stream.queue.interface import Log, Outgoing
from kestra_stream.topics import EXECUTION_INBOX
from kestra_stream.webserver.files import check_input_file
from kestra_stream.webserver.flow_register import FlowRegister

_LOUDNESS = {"INFO": Level.INFO, "SUCCESS": Level.INFO, "WARNING": Level.WARN, "ERROR": Level.ERROR}
Evaluate = Callable[[str, Mapping[str, Any]], Any]


class KnownExecutions(Protocol):
    """What is known of executions."""

    def get(self, execution_id: str) -> Execution | None:
        """The head of an execution; None for one that nothing is known of."""
        ...

    def task_runs(self, execution_id: str) -> Sequence[TaskRun]:
        """Task runs in the order in which they came to be."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """What the services stand on.

    Attributes:
        register: where flows are saved.
        executions: what is known of executions: a repository, or what was read from the log.
        flow: finds a flow by tenant, namespace, id and revision (0: the newest).
        tasks: all tasks of a flow by id.
        evaluate: renders an input's expression, with IO, for a flow and an execution id that is to be.
        store_file: keeps an uploaded or named file for an input of an execution: (execution head, input id, value) -> URI.
    """

    log: Log
    register: FlowRegister
    executions: KnownExecutions
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    flow: Callable[[str, str, str, int], Flow | None]
    tasks: Callable[[Flow], Mapping[str, Task]]
    evaluate: Callable[[Flow, str], Evaluate]
    encrypt: Callable[[str], Mapping[str, str]] | None
    store_file: Callable[[Execution, str, Any], str]


class FlowService:
    """Saves and deletes flows."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def save(self, source: FlowSource) -> FlowSource:
        """Store a flow and tell everybody; an unchanged source makes no new revision."""
        return self._door.register.save(source)

    def delete(self, tenant: str, namespace: str, flow_id: str) -> FlowSource:
        """Delete a flow; its executions go on.

        Raises:
            NotFound: there is no such flow.
        """
        gone = self._door.register.delete(tenant, namespace, flow_id)
        if gone is None:
            raise NotFound(f"flow `{namespace}.{flow_id}` does not exist")
        return gone


class ExecutionService:
    """Creates executions and sends them commands."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def create(
        self,
        flow: Flow,
        inputs: Mapping[str, object] | None = None,
        labels: Sequence[Label] = (),
        schedule_date: datetime | None = None,
        trigger: ExecutionTrigger | None = None,
    ) -> Execution:
        """Create an execution of a flow; returns its head once the log has acknowledged it.

        Raises:
            InvalidInputs: one fault for each input that does not fit.
            Invalid: a check of the flow blocks the execution, or a label belongs to the engine.
            IllegalTransition: the flow is disabled.
        """
        if flow.disabled:
            raise IllegalTransition(f"flow `{flow.namespace}.{flow.id}` is disabled")
        refuse_system_labels(labels)
        door = self._door
        head = Execution(
            id=door.new_id(),
            namespace=flow.namespace,
            flow_id=flow.id,
            flow_revision=flow.revision,
            state=State.created(door.now()),
            tenant_id=flow.tenant_id,
            labels=tuple(labels),
            trigger=trigger,
            schedule_date=schedule_date,
        )
        resolved = self.resolve(flow, head, inputs or {})
        head = replace(head, inputs=resolved.values)
        failed = evaluate_checks(flow, resolved.values, door.evaluate(flow, head.id))
        if failed is not None and failed.behavior is CheckBehavior.BLOCK_EXECUTION:
            raise Invalid(failed.message)
        refusal = failed.message if failed is not None and failed.behavior is CheckBehavior.FAIL_EXECUTION else None
        notice = (_LOUDNESS[failed.style], failed.message) if failed is not None and refusal is None else None
        self.send(head.id, i.Create(head, refusal=refusal, notice=notice))
        return head

    def resolve(self, flow: Flow, head: Execution, provided: Mapping[str, object]) -> ResolvedInputs:
        """Coerce and validate values for the inputs of a flow; files are stored. Raises InvalidInputs."""
        door = self._door
        return resolve_inputs(
            flow.inputs,
            provided,
            door.evaluate(flow, head.id),
            encrypt=door.encrypt,
            store_file=lambda input_id, value: door.store_file(head, input_id, value),
        )

    def resume(self, execution_id: str, inputs: Mapping[str, object] | None = None, by: str | None = None) -> None:
        """Let a paused execution go on, with values for the `onResume` of the task that it waits at.

        Raises:
            NotFound: there is no such execution.
            IllegalTransition: it is not paused, and none of its tasks after the end is.
            InvalidInputs: a value does not fit; the execution stays paused.
        """
        head = self._head(execution_id)
        run, pause = self.paused_task(head)
        if head.state.current is not S.PAUSED and run is None:
            raise IllegalTransition(f"execution {execution_id} is {head.state.current.value}, not PAUSED")
        values: Mapping[str, Any] = {}
        if pause is not None and pause.on_resume:
            door = self._door
            flow = self._flow(head)
            values = resolve_inputs(
                pause.on_resume,
                inputs or {},
                door.evaluate(flow, head.id),
                encrypt=door.encrypt,
                store_file=lambda input_id, value: door.store_file(head, input_id, value),
            ).values
        self.send(execution_id, i.Resume(values, run.id if run is not None else None, by))

    def review_resume(self, execution_id: str, inputs: Mapping[str, object]) -> ReviewedInputs:
        """Tell how values fit the `onResume` of the task that an execution waits at; nothing is stored, nothing resumes."""
        head = self._head(execution_id)
        _, pause = self.paused_task(head)
        asked = pause.on_resume if pause is not None else ()
        evaluate = self._door.evaluate(self._flow(head), head.id)
        return review_inputs(asked, inputs, evaluate, self._door.encrypt, lambda _, value: check_input_file(value))

    def paused_task(self, head: Execution) -> tuple[TaskRun | None, Pause | None]:
        """Find the first paused task run of an execution and what its task asks for."""
        runs = self._door.executions.task_runs(head.id)
        run = next((run for run in runs if run.state.current is S.PAUSED), None)
        if run is None:
            return None, None
        task = self._door.tasks(self._flow(head)).get(run.task_id)
        behaviour = task.behaviour() if task is not None else None
        return run, behaviour if isinstance(behaviour, Pause) else None

    def kill(self, execution_id: str, *, cascade: bool = True) -> None:
        """End an execution, by default with its children. Raises IllegalTransition where it has ended."""
        head = self._head(execution_id)
        if head.state.is_terminal:
            raise IllegalTransition(f"execution {execution_id} has ended as {head.state.current.value}")
        self.send(execution_id, i.Kill(cascade=cascade))

    def pause(self, execution_id: str) -> None:
        """Let nothing new start in an execution. Raises IllegalTransition where it does not run."""
        head = self._head(execution_id)
        if head.state.current not in {S.RUNNING, S.RETRYING}:
            raise IllegalTransition(f"execution {execution_id} is {head.state.current.value}: only one that runs can be paused")
        self.send(execution_id, i.Pause())

    def force_run(self, execution_id: str) -> None:
        """Run a created, queued or paused execution now, past any limit. Raises IllegalTransition for any other."""
        head = self._head(execution_id)
        if head.state.current not in {S.CREATED, S.QUEUED, S.PAUSED}:
            raise IllegalTransition(
                f"execution {execution_id} is {head.state.current.value}: only one that is created, queued or paused can be forced to run"
            )
        self.send(execution_id, i.ForceRun())

    def restart(self, execution_id: str, revision: int | None = None) -> str:
        """Run again from the failed task runs; returns the id of the execution that runs (a new one for another revision)."""
        head = self._head(execution_id)
        if not head.state.is_terminal and head.state.current is not S.PAUSED:
            raise IllegalTransition(f"execution {execution_id} is {head.state.current.value}: only one that has ended can be restarted")
        new_id = self._door.new_id() if revision is not None else None
        self.send(execution_id, i.Restart(revision, new_id))
        return new_id or execution_id

    def replay(self, execution_id: str, task_run_id: str | None = None, revision: int | None = None) -> str:
        """Create an execution from this one, from the start or from a task run; returns its id."""
        self._head(execution_id)
        new_id = self._door.new_id()
        self.send(execution_id, i.Replay(new_id, task_run_id, revision))
        return new_id

    def send(self, execution_id: str, message: i.ExecutionInput) -> None:
        """Append an input; returns once the log has acknowledged it."""
        self._door.log.send((Outgoing(EXECUTION_INBOX, execution_id, message),))

    def _head(self, execution_id: str) -> Execution:
        head = self._door.executions.get(execution_id)
        if head is None:
            raise NotFound(f"execution {execution_id} does not exist")
        return head

    def _flow(self, head: Execution) -> Flow:
        flow = self._door.flow(head.tenant_id, head.namespace, head.flow_id, head.flow_revision)
        if flow is None:
            raise NotFound(f"flow `{head.namespace}.{head.flow_id}` does not exist")
        return flow


def refuse_system_labels(labels: Sequence[Label]) -> None:
    """Raise Invalid for a label that belongs to the engine (a correlation id may be given)."""
    for label in labels:
        if label.key.startswith("system.") and label.key != "system.correlationId":
            raise Invalid(f"the label `{label.key}` belongs to the engine; choose a key that does not start with `system.`")
