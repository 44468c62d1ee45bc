"""io.kestra.plugin.core.log.PurgeLogs: remove old log lines."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field, model_validator

from kestra_stream.models.property import Property
from kestra_stream.models.records import Level
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.core.execution.selection import names, rendered_date
from kestra_stream.repository.query import Filter, Operator


class PurgeLogsOutput(TaskOutput):
    """How many lines are gone."""

    count: int = Field(description="How many lines are gone.")


class PurgeLogs(RunnableTask):
    """Remove log lines up to a date."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.log.PurgeLogs"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: tidy
        type: io.kestra.plugin.core.log.PurgeLogs
        endDate: "{{ now() | dateAdd(-1, 'MONTHS') }}"
        logLevels: [TRACE, DEBUG]
        """,
    )

    end_date: Property[datetime] = Field(description="Only lines of then or before.")
    start_date: Property[datetime] | None = Field(default=None, description="Only lines of then or later.")
    namespace: Property[str] | None = Field(default=None, description="Only of this namespace and those below it.")
    flow_id: Property[str] | None = Field(default=None, description="Only of this flow; needs the namespace.")
    execution_id: Property[str] | None = Field(default=None, description="Only of this execution.")
    trigger_id: Property[str] | None = Field(default=None, description="Only of this trigger.")
    log_levels: Property[list[Level]] | None = Field(default=None, description="Only of these severities; of all by default.")

    @model_validator(mode="after")
    def _flow_has_a_namespace(self) -> "PurgeLogs":
        if self.flow_id is not None and self.namespace is None:
            raise ValueError("`flowId` needs `namespace`")
        return self

    def run(self, context: RunContext) -> PurgeLogsOutput:
        def text(value: Property[str] | None) -> str | None:
            return context.render(value) if value is not None else None

        where = (
            Filter()
            .where("tenant_id", context.info.tenant_id)
            .where("namespace", text(self.namespace), Operator.PREFIX)
            .where("flow_id", text(self.flow_id))
            .where("execution_id", text(self.execution_id))
            .where("trigger_id", text(self.trigger_id))
            .where("level", names(context.render(self.log_levels) if self.log_levels is not None else None), Operator.IN)
            .where("timestamp", rendered_date(context, self.start_date), Operator.GREATER_THAN_OR_EQUAL_TO)
            .where("timestamp", rendered_date(context, self.end_date), Operator.LESS_THAN_OR_EQUAL_TO)
        )
        return PurgeLogsOutput(count=context.engine.repository.logs.delete(where))
