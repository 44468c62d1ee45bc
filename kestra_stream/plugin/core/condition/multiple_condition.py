"""io.kestra.plugin.core.condition.MultipleCondition: several executions inside a window of time."""

from typing import Annotated, ClassVar

from pydantic import AliasChoices, Field, model_validator

from kestra_stream.models.conditions import AnyCondition, Condition, ConditionContext
from kestra_stream.models.duration import Duration
from kestra_stream.models.task import TASK_ID_PATTERN
from kestra_stream.plugin.core.condition.time_window import TimeWindow


class MultipleCondition(Condition):
    """Hold once each of the named conditions has held for some execution inside the window.

    Who asks keeps, for each window, which of them have (`ConditionContext.results`).
    """

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.MultipleCondition"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.conditions.types.MultipleCondition",)
    deprecated: ClassVar[str | None] = "use `preconditions` of io.kestra.plugin.core.trigger.Flow"
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.MultipleCondition
        id: both
        timeWindow:
          window: PT12H
        conditions:
          a:
            type: io.kestra.plugin.core.condition.ExecutionFlow
            namespace: company.team
            flowId: a
          b:
            type: io.kestra.plugin.core.condition.ExecutionFlow
            namespace: company.team
            flowId: b
        """,
    )

    id: Annotated[str, Field(pattern=TASK_ID_PATTERN)] = Field(min_length=1, description="Name of the window, unique in the flow.")
    description: str | None = Field(default=None, description="What it is for.")
    time_window: TimeWindow | None = Field(
        default=None, validation_alias=AliasChoices("timeWindow", "sla", "time_window"), description="The window; a day by default."
    )
    window: Duration | None = Field(default=None, description="Deprecated: length of the window.")
    window_advance: Duration | None = Field(default=None, description="Deprecated: how far the window begins after midnight.")
    reset_on_success: bool = Field(default=True, description="Begin anew once all have held.")
    conditions: dict[str, AnyCondition] = Field(min_length=1, description="Conditions by name.")

    @model_validator(mode="after")
    def _one_window(self) -> "MultipleCondition":
        if self.time_window is not None and (self.window is not None or self.window_advance is not None):
            raise ValueError("give either timeWindow or the older window and windowAdvance")
        return self

    @property
    def effective_window(self) -> TimeWindow:
        """The window, in whichever form it was written."""
        return self.time_window or TimeWindow(window=self.window, window_advance=self.window_advance)

    def test(self, context: ConditionContext) -> bool:
        return all(context.results.get(name, False) for name in self.conditions)
