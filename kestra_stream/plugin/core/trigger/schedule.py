"""io.kestra.plugin.core.trigger.Schedule: executions at the dates of a cron line."""

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from kestra_stream.models.conditions import AnyCondition
from kestra_stream.models.duration import Duration
from kestra_stream.models.trigger import Trigger
from kestra_stream.plugin.core.trigger.cron import cron_line, zone_of


class RecoverMissedSchedules(StrEnum):
    """Which dates are made up for that passed while nobody was there."""

    ALL = "ALL"
    LAST = "LAST"
    NONE = "NONE"


class Schedule(Trigger):
    """Start an execution at each date of a cron line; `trigger.date`, `trigger.next` and `trigger.previous` are its dates."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.trigger.Schedule"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Schedule",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: every-quarter
        type: io.kestra.plugin.core.trigger.Schedule
        cron: "*/15 * * * *"
        """,
        """
        id: first-monday
        type: io.kestra.plugin.core.trigger.Schedule
        cron: "@daily"
        timezone: Europe/Paris
        conditions:
          - type: io.kestra.plugin.core.condition.DayWeekInMonth
            dayOfWeek: MONDAY
            dayInMonth: FIRST
        """,
    )

    with_seconds: bool = Field(default=False, description="The line has a sixth field, seconds, in front.")
    cron: str = Field(description="Five fields (minute, hour, day, month, day of week), or a nickname as @daily.")
    timezone: str | None = Field(default=None, description="Zone of the dates; the server's by default.")
    schedule_conditions: tuple[AnyCondition, ...] = Field(default=(), description="Deprecated name of conditions.")
    late_maximum_delay: Duration | None = Field(default=None, description="A date that is later than this is left out.")
    recover_missed_schedules: RecoverMissedSchedules | None = Field(
        default=None, description="Dates to make up for after a standstill: ALL, LAST or NONE; the server's setting by default."
    )
    backfill: dict[str, Any] | None = Field(default=None, description="Deprecated, without effect: a backfill is asked for by the API.")

    @field_validator("timezone")
    @classmethod
    def _zone_is_known(cls, name: str | None) -> str | None:
        if name is not None:
            zone_of(name)
        return name

    @field_validator("cron")
    @classmethod
    def _cron_is_a_line(cls, cron: str, info: ValidationInfo) -> str:
        cron_line(cron, with_seconds=info.data.get("with_seconds", False))
        return cron

    @property
    def line(self) -> str:
        """The cron line without nicknames: five fields, or six with seconds."""
        return cron_line(self.cron, with_seconds=self.with_seconds)

    @property
    def all_conditions(self) -> tuple[AnyCondition, ...]:
        """Conditions under both names."""
        return (*self.conditions, *self.schedule_conditions)
