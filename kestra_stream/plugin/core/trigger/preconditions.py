"""Preconditions: which executions of other flows must have ended, and inside which window of time."""

from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from kestra_stream.models.document_model import Written, misplaced
from kestra_stream.models.state import StateType
from kestra_stream.models.task import TASK_ID_PATTERN
from kestra_stream.plugin.core.condition.time_window import TimeWindow


class FilterField(StrEnum):
    """What of an execution is compared; the value of EXPRESSION is the expression itself."""

    FLOW_ID = "FLOW_ID"
    NAMESPACE = "NAMESPACE"
    STATE = "STATE"
    EXPRESSION = "EXPRESSION"


class FilterType(StrEnum):
    """How it is compared."""

    EQUAL_TO = "EQUAL_TO"
    NOT_EQUAL_TO = "NOT_EQUAL_TO"
    IN = "IN"
    NOT_IN = "NOT_IN"
    IS_TRUE = "IS_TRUE"
    IS_FALSE = "IS_FALSE"
    IS_NULL = "IS_NULL"
    IS_NOT_NULL = "IS_NOT_NULL"
    STARTS_WITH = "STARTS_WITH"
    ENDS_WITH = "ENDS_WITH"
    REGEX = "REGEX"
    CONTAINS = "CONTAINS"


class PreconditionFilter(Written):
    """One comparison."""

    of_lists: ClassVar[frozenset[FilterType]] = frozenset({FilterType.IN, FilterType.NOT_IN})
    of_nothing: ClassVar[frozenset[FilterType]] = frozenset(
        {FilterType.IS_TRUE, FilterType.IS_FALSE, FilterType.IS_NULL, FilterType.IS_NOT_NULL}
    )

    field: FilterField = Field(description="FLOW_ID, NAMESPACE, STATE or EXPRESSION.")
    type: FilterType = Field(description="The comparison.")
    value: str | None = Field(default=None, description="What to compare with; for EXPRESSION the expression.")
    values: tuple[str, ...] | None = Field(default=None, description="What to compare with, for IN and NOT_IN.")

    @model_validator(mode="after")
    def _values_fit_the_type(self) -> "PreconditionFilter":
        if self.type in self.of_lists:
            if not self.values or self.value is not None:
                raise misplaced(
                    (f"{self.type} takes a list of `values`, and no `value`", ("value" if self.value is not None else "values",))
                )
            return self
        if self.values is not None:
            raise misplaced((f"{self.type} takes no `values`; they are for IN and NOT_IN", ("values",)))
        is_wanted = self.type not in self.of_nothing or self.field is FilterField.EXPRESSION
        if is_wanted and self.value is None:
            raise ValueError(f"{self.type} on {self.field} needs a `value`")
        if not is_wanted and self.value is not None:
            raise misplaced((f"{self.type} on {self.field} takes no `value`", ("value",)))
        return self


class PreconditionWhere(Written):
    """Filters on an execution, joined by AND or OR."""

    id: str = Field(pattern=TASK_ID_PATTERN, min_length=1, description="Name of the condition.")
    operand: Literal["AND", "OR"] = Field(default="AND", description="Whether all filters must hold, or one.")
    filters: tuple[PreconditionFilter, ...] = Field(min_length=1, description="The filters.")


class UpstreamFlow(Written):
    """Executions of one flow, or of a whole namespace when no flow is named."""

    namespace: str = Field(min_length=1, description="Namespace of the flow.")
    flow_id: str | None = Field(default=None, description="Id of the flow.")
    states: tuple[StateType, ...] = Field(default=(), description="States of the execution; any that ends it by default.")
    labels: dict[str, str] = Field(default_factory=dict, description="Labels that the execution must have.")

    @field_validator("labels", mode="before")
    @classmethod
    def _as_map(cls, labels: object) -> object:
        if isinstance(labels, list) and all(isinstance(label, dict) and {"key", "value"} == set(label) for label in labels):
            return {label["key"]: label["value"] for label in labels}
        return labels


class Preconditions(Written):
    """Hold once all flows and all filters have been met by executions inside the window."""

    id: str = Field(pattern=TASK_ID_PATTERN, min_length=1, description="Name of the window, unique in the flow.")
    time_window: TimeWindow | None = Field(default=None, description="The window; a day by default.")
    reset_on_success: bool = Field(default=True, description="Begin anew once all have been met.")
    flows: tuple[UpstreamFlow, ...] = Field(default=(), description="Flows that must have run.")
    where: tuple[PreconditionWhere, ...] = Field(default=(), description="Filters that executions must have met.")

    @model_validator(mode="after")
    def _asks_for_something(self) -> "Preconditions":
        if not self.flows and not self.where:
            raise ValueError("give `flows`, `where` or both")
        names = [where.id for where in self.where]
        if len(set(names)) != len(names):
            twice = next(number for number, name in enumerate(names) if name in names[:number])
            raise misplaced((f"duplicate id `{names[twice]}`; each entry of `where` has its own", ("where", twice, "id")))
        return self
