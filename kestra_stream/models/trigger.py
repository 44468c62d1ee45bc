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

    id: str = Field(pattern=TASK_ID_PATTERN, min_length=1, max_length=256)
    description: str | None = None
    conditions: tuple[SerializeAsAny[AnyCondition], ...] = ()
    disabled: bool = False
    worker_group: WorkerGroup | None = None
    log_level: Level | None = None
    log_to_file: bool = False
    labels: FreeLabels = ()
    inputs: Mapping[str, Any] = Field(default_factory=dict)
    stop_after: tuple[StateType, ...] = ()
    allow_concurrent: bool = False
    fail_on_trigger_error: bool = False
    when: str | None = None


def _resolved(value: Any, handler: Callable[[Any], Any], info: ValidationInfo) -> Any:
    return resolved_as(Trigger, value, handler, info)


if TYPE_CHECKING:
    AnyTrigger = Trigger
else:
    AnyTrigger = Annotated[SerializeAsAny[Trigger], WrapValidator(_resolved)]
