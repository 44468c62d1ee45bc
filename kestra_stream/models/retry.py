"""Retry policies: (attempts done, first start, last end) -> moment of the next attempt, or None."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, Field, ValidationInfo
from pydantic.alias_generators import to_camel

from kestra_stream.models.document_model import Written
from kestra_stream.models.duration import Duration, format_duration


class RetryBehavior(StrEnum):
    """Run the failed task again, or the whole flow in a new execution."""

    RETRY_FAILED_TASK = "RETRY_FAILED_TASK"
    CREATE_NEW_EXECUTION = "CREATE_NEW_EXECUTION"


class RetryPolicy(Written):
    """What all policies share: limits, counted with the first attempt; without a limit the retry goes on for ever."""

    max_attempts: int | None = Field(
        default=None,
        ge=1,
        validation_alias=AliasChoices("maxAttempts", "maxAttempt", "max_attempts"),
        description="Attempts in all, the first included.",
    )
    max_duration: Duration | None = Field(default=None, description="No attempt starts later than this after the start of the first.")
    warning_on_retry: bool = Field(default=False, description="Success after a retry becomes WARNING.")
    behavior: RetryBehavior = Field(default=RetryBehavior.RETRY_FAILED_TASK, description="Try the task again, or the whole execution.")

    def delay(self, attempts: int, fraction: float) -> timedelta:
        """Return the wait after so many attempts; `fraction` in [0, 1) is the chance that a random policy uses."""
        raise TypeError(f"{type(self).__name__} must say how long it waits")

    def next_attempt(self, attempts: int, first_start: datetime, last_end: datetime, fraction: float) -> datetime | None:
        """Return when to try again, or None when the policy says no."""
        if self.max_attempts is not None and attempts >= self.max_attempts:
            return None
        moment = last_end + self.delay(attempts, fraction)
        if self.max_duration is not None and moment > first_start + self.max_duration:
            return None
        return moment


def _shorter(wait: timedelta, info: ValidationInfo) -> timedelta:
    """Refuse a wait that is not shorter than the limits beside it, which stand before it in the class."""
    for name in ("max_duration", "max_interval"):
        limit = info.data.get(name)
        if limit is not None and wait >= limit:
            own, other = to_camel(info.field_name or ""), to_camel(name)
            raise ValueError(f"{own} must be shorter than {other} ({format_duration(limit)}), but is {format_duration(wait)}")
    return wait


Wait = Annotated[Duration, AfterValidator(_shorter)]


class ConstantRetry(RetryPolicy):
    """Wait the same time before every attempt."""

    type: Literal["constant"] = Field(description="constant.")
    interval: Wait = Field(description="Time between two attempts.")

    def delay(self, attempts: int, fraction: float) -> timedelta:
        return self.interval


class ExponentialRetry(RetryPolicy):
    """Wait `interval`, then each time `delayFactor` times longer, at most `maxInterval`."""

    type: Literal["exponential"] = Field(description="exponential.")
    max_interval: Duration = Field(description="Longest time between two attempts.")
    interval: Wait = Field(description="Time before the first retry.")
    delay_factor: float = Field(default=2.0, gt=0, description="How many times longer each wait is.")

    def delay(self, attempts: int, fraction: float) -> timedelta:
        try:
            return min(self.interval * self.delay_factor ** (attempts - 1), self.max_interval)
        except OverflowError:
            return self.max_interval


class RandomRetry(RetryPolicy):
    """Wait somewhere between `minInterval` and `maxInterval`."""

    type: Literal["random"] = Field(description="random.")
    max_interval: Duration = Field(description="Longest time between two attempts.")
    min_interval: Wait = Field(description="Shortest time between two attempts.")

    def delay(self, attempts: int, fraction: float) -> timedelta:
        return self.min_interval + (self.max_interval - self.min_interval) * fraction


Retry = Annotated[ConstantRetry | ExponentialRetry | RandomRetry, Field(discriminator="type")]
