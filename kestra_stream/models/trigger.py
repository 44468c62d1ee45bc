"""Trigger: what starts executions by itself. Parsed and validated here; fired by the scheduler, worker, webserver or executor."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, SerializeAsAny, ValidationInfo, WrapValidator

from kestra_stream.models.conditions import AnyCondition
from kestra_stream.models.labels import FreeLabels
from kestra_stream.models.records import Level
from kestra_stream.models.state import StateType
from kestra_stream.models.task import TASK_ID_PATTERN, Plugin, WorkerGroup, resolved_as


class Trigger(Plugin):
    """Properties that every trigger has."""

    id: str = Field(pattern=TASK_ID_PATTERN, min_length=1, max_length=256, description="Name of the trigger, unique in the flow.")
    description: str | None = Field(default=None, description="What the trigger is for, as Markdown.")
    conditions: tuple[SerializeAsAny[AnyCondition], ...] = Field(default=(), description="Conditions that must all hold.")
    disabled: bool = Field(default=False, description="As if the trigger were not there.")
    worker_group: WorkerGroup | None = Field(default=None, description="Which workers may evaluate it.")
    log_level: Level | None = Field(default=None, description="Least severe log line that is kept.")
    log_to_file: bool = Field(default=False, description="Keep the log as a file in internal storage.")
    labels: FreeLabels = Field(default=(), description="Labels of the executions.")
    inputs: Mapping[str, Any] = Field(default_factory=dict, description="Inputs of the executions.")
    stop_after: tuple[StateType, ...] = Field(default=(), description="States of an execution that disable the trigger.")
    allow_concurrent: bool = Field(default=False, description="Start an execution while the one before still runs.")
    fail_on_trigger_error: bool = Field(default=False, description="Create a failed execution when the trigger itself fails.")
    when: str | None = Field(default=None, description="Expression that must be true; looked at after the conditions.")


def _resolved(value: object, handler: Callable[[object], object], info: ValidationInfo) -> Any:
    return resolved_as(Trigger, value, handler, info)


if TYPE_CHECKING:
    AnyTrigger = Trigger
else:
    AnyTrigger = Annotated[SerializeAsAny[Trigger], WrapValidator(_resolved)]
