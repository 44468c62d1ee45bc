"""What changed in an execution, for every projection: repository, followers, flow triggers (what execution_event carries)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kestra_stream.models.execution import Execution, TaskRun


@dataclass(frozen=True, slots=True)
class ExecutionEvent:
    """One step of an execution.

    Attributes:
        sequence: 1 for the first event of the execution, then one more each.
        execution: the head after the step, when the head changed.
        task_runs: the runs that changed or came, after the step.
        removed: ids of runs that are gone (a restart drops error branches, a loop drops its last round).
        loops: how many values the loops go through that began, by the ids of their runs.
        finished: the execution has ended, afterExecution included; only late results of open runs may follow.
    """

    execution_id: str
    sequence: int
    execution: Execution | None = None
    task_runs: tuple[TaskRun, ...] = ()
    removed: tuple[str, ...] = ()
    finished: bool = False
    loops: Mapping[str, int] = field(default_factory=dict)
