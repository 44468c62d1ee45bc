"""TimeWindow: how long, or until when, conditions on several executions are collected."""

from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from kestra_stream.models.document_model import Written, misplaced
from kestra_stream.models.duration import Duration


class WindowType(StrEnum):
    """The shapes of a window."""

    DURATION_WINDOW = "DURATION_WINDOW"
    SLIDING_WINDOW = "SLIDING_WINDOW"
    DAILY_TIME_DEADLINE = "DAILY_TIME_DEADLINE"
    DAILY_TIME_WINDOW = "DAILY_TIME_WINDOW"


_FIELDS: dict[WindowType, frozenset[str]] = {
    WindowType.DURATION_WINDOW: frozenset({"window", "window_advance"}),
    WindowType.SLIDING_WINDOW: frozenset({"window"}),
    WindowType.DAILY_TIME_DEADLINE: frozenset({"deadline"}),
    WindowType.DAILY_TIME_WINDOW: frozenset({"start_time", "end_time"}),
}
_NAMES = {
    "window": "window",
    "window_advance": "windowAdvance",
    "deadline": "deadline",
    "start_time": "startTime",
    "end_time": "endTime",
}


def _time(value: object) -> object:
    """Read a time of the day; only text is one (a number would be taken for seconds)."""
    if isinstance(value, str):
        try:
            return time.fromisoformat(value)
        except ValueError:
            pass
    if isinstance(value, time):
        return value
    raise ValueError(f"{value!r} is not a time of the day such as 09:00:00")


TimeOfDay = Annotated[time, BeforeValidator(_time)]


class TimeWindow(Written):
    """A window of a fixed length, one that ends now, one that ends at a time of each day, or one between two times of each day."""

    type: WindowType = Field(default=WindowType.DURATION_WINDOW, description="The shape of the window.")
    window: Duration | None = Field(default=None, description="Length of a DURATION_WINDOW (P1D by default) or SLIDING_WINDOW.")
    window_advance: Duration | None = Field(default=None, description="How far a DURATION_WINDOW begins after the even hour or midnight.")
    deadline: TimeOfDay | None = Field(default=None, description="End of a DAILY_TIME_DEADLINE.")
    start_time: TimeOfDay | None = Field(default=None, description="Begin of a DAILY_TIME_WINDOW.")
    end_time: TimeOfDay | None = Field(default=None, description="End of a DAILY_TIME_WINDOW.")

    @property
    def length(self) -> timedelta:
        """Length of a DURATION_WINDOW or SLIDING_WINDOW."""
        return self.window if self.window is not None else timedelta(days=1)

    @model_validator(mode="after")
    def _fields_fit_the_type(self) -> "TimeWindow":
        foreign = [name for field, name in _NAMES.items() if getattr(self, field) is not None and field not in _FIELDS[self.type]]
        if foreign:
            wanted = " and ".join(name for field, name in _NAMES.items() if field in _FIELDS[self.type])
            raise misplaced(*((f"a {self.type} takes {wanted}, not {name}", (name,)) for name in foreign))
        if self.type is WindowType.DAILY_TIME_DEADLINE and self.deadline is None:
            raise ValueError("a DAILY_TIME_DEADLINE needs a deadline")
        if self.type is WindowType.DAILY_TIME_WINDOW and (self.start_time is None or self.end_time is None):
            raise ValueError("a DAILY_TIME_WINDOW needs startTime and endTime")
        if self.length <= timedelta(0):
            raise misplaced(("window must be longer than nothing", ("window",)))
        return self
