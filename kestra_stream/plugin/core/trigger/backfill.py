"""Backfill: the dates of the past that a schedule is asked to run; given by the API, not by the flow."""

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field, field_validator, model_validator

from kestra_stream.models.document_model import Written
from kestra_stream.models.execution import Label


class Backfill(Written):
    """Run the dates from `start` to `end`, one after the other, then go on as scheduled."""

    start: AwareDatetime = Field(description="The first date.")
    end: AwareDatetime | None = Field(default=None, description="The last date; now by default.")
    current_date: AwareDatetime | None = Field(default=None, description="The date that is next.")
    paused: bool = Field(default=False, description="Whether nothing is run for now.")
    inputs: dict[str, Any] = Field(default_factory=dict, description="Inputs of the executions.")
    labels: tuple[Label, ...] = Field(default=(), description="Labels of the executions.")
    previous_next_execution_date: datetime | None = Field(default=None, description="Where the schedule goes on afterwards.")

    @field_validator("labels", mode="before")
    @classmethod
    def _as_list(cls, labels: object) -> object:
        return [{"key": key, "value": value} for key, value in labels.items()] if isinstance(labels, dict) else labels

    @model_validator(mode="after")
    def _start_is_before_end(self) -> "Backfill":
        if self.end is not None and self.start > self.end:
            raise ValueError("start must not be later than end")
        return self
