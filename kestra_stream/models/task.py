"""Task: what a flow asks for. A task says by `behaviour()` how the engine treats it; a runnable one has a `run`.

Its four kinds: runnable (a worker runs it), flowable (creates child runs), executable (creates executions) and
execution-updating (changes the execution itself). See `models/behaviour.py` for the closed list.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, SerializeAsAny, ValidationInfo, WrapValidator
from pydantic_core import PydanticCustomError

from kestra_stream.models.behaviour import Behaviour, Run
from kestra_stream.models.document_model import Written
from kestra_stream.models.duration import Duration
from kestra_stream.models.property import Property
from kestra_stream.models.records import Level
from kestra_stream.models.retry import Retry

TASK_ID_PATTERN = r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$"
TYPE_PATTERN = r"^[A-Za-z_$][A-Za-z0-9_$]*(\.[A-Za-z_$][A-Za-z0-9_$]*)*$"


class WorkerGroup(Written):
    """Which workers may run a task, and what happens when none lives."""

    key: str = Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$", description="Name of the group.")
    fallback: Literal["WAIT", "FAIL", "CANCEL"] = Field(default="WAIT", description="What happens when none of its workers lives.")


class TaskCache(Written):
    """Keep a task's outputs and do not run it again while nothing it names has changed."""

    enabled: bool = Field(default=False, description="Whether outputs are kept.")
    ttl: Duration | None = Field(default=None, description="Older outputs are not used again.")


class Plugin(Written):
    """Anything that a flow names by `type`: tasks, triggers, conditions, task runners.

    Attributes:
        type_name: canonical name, as a flow writes it.
        aliases: other names that mean the same, deprecated ones included.
        deprecated: why not to use it any more, None while it is fine.
        examples: YAML of the task, trigger or condition, as documentation shows it.
        output_type: model of its outputs, where `run` does not say it.
        caution: what whoever saves a flow with it is told, None for nothing.
    """

    type_name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    deprecated: ClassVar[str | None] = None
    examples: ClassVar[tuple[str, ...]] = ()
    output_type: ClassVar[type[BaseModel] | None] = None
    caution: ClassVar[str | None] = None

    type: str = Field(description="The type's name.")


class Task(Plugin):
    """Properties that every task has."""

    id: str = Field(pattern=TASK_ID_PATTERN, min_length=1, max_length=256, description="Name of the task, once in its flow.")
    description: str | None = Field(default=None, description="What people should know about it, as Markdown.")
    version: str | None = Field(default=None, description="Version of the plugin; the installed one runs.")
    disabled: bool = Field(default=False, description="As if the task were not there.")
    run_if: str | bool = Field(default="true", description="Skipped when it renders to nothing, false or 0.")
    allow_failure: bool = Field(default=False, description="A failure becomes a warning, and the flow goes on.")
    allow_warning: bool = Field(default=False, description="A warning becomes a success.")
    timeout: Property[Duration] | None = Field(default=None, description="Longest time for one attempt.")
    retry: Retry | None = Field(default=None, description="When a failed attempt is tried again.")
    log_level: Level | None = Field(default=None, description="Least severe log line that is kept.")
    log_to_file: bool = Field(default=False, description="Keep the log as a file in internal storage.")
    worker_group: WorkerGroup | None = Field(default=None, description="Which workers may run it.")
    task_cache: TaskCache | None = Field(default=None, description="Keep the outputs, and do not run it again for the same.")
    plugin_defaults_ref: str | None = Field(default=None, description="Accepted, and nothing is done with it.")
    assets: Any = Field(default=None, description="What the task reads and writes, for people; nothing is done with it.")

    def behaviour(self) -> Behaviour:
        """Say how the engine treats this task; a worker runs it unless the plugin says otherwise."""
        return Run()


class FlowableTask(Task):
    """A task that only creates child runs; local `errors` and `finally` branches are the engine's business."""

    errors: "tuple[AnyTask, ...]" = Field(default=(), description="Tasks that run when one of its tasks has failed.")
    finally_: "tuple[AnyTask, ...]" = Field(default=(), alias="finally", description="Tasks that run at its end, however it ended.")


Resolve = Callable[[Mapping[str, Any], type[Plugin]], Plugin]


def resolved_as(kind: type[Plugin], value: object, handler: Callable[[object], object], info: ValidationInfo) -> Any:
    """Turn a map with a `type` into its plugin, by the `resolve` function in the validation's context."""
    if isinstance(value, Plugin):
        return value
    resolve: Resolve | None = (info.context or {}).get("resolve")
    if resolve is None:
        return handler(value)
    if not isinstance(value, Mapping):
        raise PydanticCustomError("not_a_map", "must be a map with a `type`")
    return resolve(value, kind)


def _resolved(value: object, handler: Callable[[object], object], info: ValidationInfo) -> Any:
    return resolved_as(Task, value, handler, info)


if TYPE_CHECKING:
    AnyTask = Task
else:
    AnyTask = Annotated[SerializeAsAny[Task], WrapValidator(_resolved)]
    FlowableTask.model_rebuild()
