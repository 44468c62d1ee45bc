"""io.kestra.plugin.core.trigger.Webhook: an execution for each request to an address with a secret key."""

from typing import ClassVar

from pydantic import Field, field_validator

from kestra_stream.models.conditions import AnyCondition
from kestra_stream.models.document_model import misplaced
from kestra_stream.models.property import Property
from kestra_stream.models.trigger import Trigger
from kestra_stream.plugin.core.condition.multiple_condition import MultipleCondition


class Webhook(Trigger):
    """Start an execution for each request to `/api/v1/executions/webhook/{namespace}/{flowId}/{key}`.

    `trigger.body`, `trigger.headers` and `trigger.parameters` hold what was sent; headers and parameters map to lists.
    """

    type_name: ClassVar[str] = "io.kestra.plugin.core.trigger.Webhook"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Webhook",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: hook
        type: io.kestra.plugin.core.trigger.Webhook
        key: "{{ secret('WEBHOOK_KEY') }}"
        """,
    )

    key: str = Field(min_length=1, max_length=256, description="The last part of the address; whoever knows it may call.")
    wait: bool = Field(default=False, description="Answer only when the execution has ended.")
    return_outputs: bool = Field(default=False, description="Answer with the outputs of the flow; only with `wait`.")
    response_code: Property[int] | None = Field(default=None, description="Code of the answer, with `wait`; 200 or 500 by default.")
    response_content_type: str | None = Field(default=None, min_length=1, description="Content type of the answer.")

    @field_validator("conditions")
    @classmethod
    def _one_request_is_enough(cls, conditions: tuple[AnyCondition, ...]) -> tuple[AnyCondition, ...]:
        faults = [
            ("a webhook looks at one request; MultipleCondition is not supported here", (number,))
            for number, condition in enumerate(conditions)
            if isinstance(condition, MultipleCondition)
        ]
        if faults:
            raise misplaced(*faults)
        return conditions
