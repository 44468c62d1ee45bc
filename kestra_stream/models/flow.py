"""Flow: what the user wrote, validated. Everything is frozen; tasks, triggers and conditions are resolved plugins."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny

from kestra_stream.models.conditions import AnyCondition
from kestra_stream.models.document_model import Written
from kestra_stream.models.duration import Duration
from kestra_stream.models.input import AnyInput, InputType
from kestra_stream.models.labels import FreeLabels, Labels
from kestra_stream.models.retry import Retry
from kestra_stream.models.task import AnyTask, WorkerGroup
from kestra_stream.models.trigger import AnyTrigger

FLOW_ID_PATTERN = r"^[a-zA-Z0-9][a-zA-Z0-9._-]*$"
NAMESPACE_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"


class Concurrency(Written):
    """How many executions of the flow may run, and what happens to the one too many."""

    class Behavior(StrEnum):
        """Wait in line, or end as cancelled or failed."""

        QUEUE = "QUEUE"
        CANCEL = "CANCEL"
        FAIL = "FAIL"

    limit: int = Field(gt=0)
    behavior: Behavior = Behavior.QUEUE


class FlowOutput(Written):
    """One value that the flow gives when it ends, rendered and coerced by `type`."""

    id: str = Field(pattern=r"^[a-zA-Z0-9][.a-zA-Z0-9_-]*$")
    type: InputType
    value: Any
    description: str | None = None
    display_name: str | None = None
    required: bool = True


class PluginDefault(Written):
    """Values for every plugin whose type equals, or starts with, `type`; forced ones win over what a task says."""

    type: str
    forced: bool = False
    values: dict[str, Any]


class SlaBehavior(StrEnum):
    """What a violated agreement does."""

    FAIL = "FAIL"
    CANCEL = "CANCEL"
    NONE = "NONE"


class MaxDurationSla(Written):
    """The execution must end within a duration of its creation."""

    id: str
    type: Literal["MAX_DURATION"]
    duration: Duration
    behavior: SlaBehavior
    labels: FreeLabels = ()


class AssertionSla(Written):
    """An expression must stay true at every change of the execution."""

    id: str
    type: Literal["EXECUTION_ASSERTION"]
    assert_: str = Field(alias="assert")
    behavior: SlaBehavior
    labels: FreeLabels = ()


Sla = Annotated[MaxDurationSla | AssertionSla, Field(discriminator="type")]


class CheckBehavior(StrEnum):
    """What a failed check does to a new execution, most restrictive first."""

    BLOCK_EXECUTION = "BLOCK_EXECUTION"
    FAIL_EXECUTION = "FAIL_EXECUTION"
    CREATE_EXECUTION = "CREATE_EXECUTION"


class Check(Written):
    """A condition on the inputs, evaluated before an execution is created."""

    condition: str
    message: str
    style: Literal["INFO", "SUCCESS", "WARNING", "ERROR"] = "INFO"
    behavior: CheckBehavior = CheckBehavior.BLOCK_EXECUTION


class Listener(Written):
    """Deprecated: tasks that run after the end when all conditions hold."""

    description: str | None = None
    conditions: tuple[SerializeAsAny[AnyCondition], ...] = ()
    tasks: tuple[AnyTask, ...] = Field(min_length=1)


class Flow(Written):
    """A flow document, plugin defaults injected.

    Attributes:
        labels: in the order written; a map in the document becomes this list.
        source: the document as the user wrote it; empty for a flow built in code.
    """

    id: str = Field(pattern=FLOW_ID_PATTERN, min_length=1, max_length=100)
    namespace: str = Field(pattern=NAMESPACE_PATTERN, min_length=1, max_length=150)
    tenant_id: str = Field(default="main", exclude=True)
    revision: int = Field(default=1, ge=1)
    description: str | None = None
    labels: Labels = ()
    variables: dict[str, Any] = Field(default_factory=dict)
    inputs: tuple[AnyInput, ...] = ()
    outputs: tuple[FlowOutput, ...] = ()
    tasks: tuple[AnyTask, ...] = Field(min_length=1)
    errors: tuple[AnyTask, ...] = ()
    finally_: tuple[AnyTask, ...] = Field(default=(), alias="finally")
    after_execution: tuple[AnyTask, ...] = ()
    listeners: tuple[Listener, ...] = ()
    triggers: tuple[AnyTrigger, ...] = ()
    plugin_defaults: tuple[PluginDefault, ...] = ()
    concurrency: Concurrency | None = None
    retry: Retry | None = None
    sla: tuple[Sla, ...] = ()
    checks: tuple[Check, ...] = ()
    disabled: bool = False
    worker_group: WorkerGroup | None = None
    deleted: bool = False
    source: str = Field(default="", exclude=True, repr=False)

    @property
    def uid(self) -> tuple[str, str, str]:
        """Tenant, namespace and id: what all revisions share."""
        return (self.tenant_id, self.namespace, self.id)
