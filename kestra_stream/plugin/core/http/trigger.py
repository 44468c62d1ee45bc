"""io.kestra.plugin.core.http.Trigger: ask an address again and again, and start an execution when the answer is right."""

from datetime import timedelta
from typing import ClassVar

from pydantic import Field, field_validator

from kestra_stream.models.duration import Duration
from kestra_stream.models.property import Property
from kestra_stream.models.trigger import Trigger as AnyTrigger
from kestra_stream.plugin.core.http.call import HttpCall


class Trigger(HttpCall, AnyTrigger):
    """Start an execution when a condition on the answer of an HTTP request holds; `trigger` is then the output of Request."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.http.Trigger"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.fs.http.Trigger",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: when-ready
        type: io.kestra.plugin.core.http.Trigger
        uri: https://example.com/status
        interval: PT30S
        responseCondition: "{{ response.body == 'ready' }}"
        stopAfter: [SUCCESS]
        """,
    )

    interval: Duration = Field(default=timedelta(seconds=60), description="Time between two requests.")
    response_condition: str = Field(
        default="{{ response.statusCode < 400 }}", description="Over `response.statusCode`, `response.body` and `response.headers`."
    )
    encrypt_body: Property[bool] = Field(default=Property.of("false", bool), description="Encrypt the answer's text.")

    @field_validator("interval")
    @classmethod
    def _some_time_passes(cls, interval: timedelta) -> timedelta:
        if interval <= timedelta(0):
            raise ValueError("interval must be longer than nothing")
        return interval
