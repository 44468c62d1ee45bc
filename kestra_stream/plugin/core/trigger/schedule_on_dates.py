"""io.kestra.plugin.core.trigger.ScheduleOnDates: executions at given dates."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field, field_validator

from kestra_stream.models.property import Property, has_expression
from kestra_stream.models.trigger import Trigger
from kestra_stream.plugin.core.trigger.cron import zone_of
from kestra_stream.plugin.core.trigger.schedule import RecoverMissedSchedules


class ScheduleOnDates(Trigger):
    """Start an execution at each of some dates."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.trigger.ScheduleOnDates"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.ScheduleOnDates",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: on-dates
        type: io.kestra.plugin.core.trigger.ScheduleOnDates
        timezone: Europe/Paris
        dates:
          - "2030-01-01T12:00:00+01:00"
          - "2030-01-02T12:00:00+01:00"
        """,
    )

    dates: Property[list[datetime]] = Field(description="The dates; one without an offset is in `timezone`.")
    timezone: str | None = Field(default=None, description="Zone of the dates, or an expression that gives it; the server's by default.")
    recover_missed_schedules: RecoverMissedSchedules | None = Field(
        default=None, description="Dates to make up for after a standstill: ALL, LAST or NONE; the server's setting by default."
    )

    @field_validator("timezone")
    @classmethod
    def _zone_is_known(cls, name: str | None) -> str | None:
        if name is not None and not has_expression(name):
            zone_of(name)
        return name

    @field_validator("dates")
    @classmethod
    def _there_are_dates(cls, dates: Property[list[datetime]]) -> Property[list[datetime]]:
        if dates.is_constant and not dates.render(list):
            raise ValueError("give at least one date")
        return dates
