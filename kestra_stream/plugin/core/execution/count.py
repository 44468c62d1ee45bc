"""io.kestra.plugin.core.execution.Count: how many executions of some flows there are."""

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from pydantic import Field, model_validator

from kestra_stream.models.property import Property
from kestra_stream.models.state import StateType
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.core.execution.selection import FlowSelection, names, rendered_date
from kestra_stream.repository.query import Filter, Operator, Page


class Row(TaskOutput):
    """The executions of one flow, or of one namespace (then `flowId` is null)."""

    namespace: str = Field(description="Namespace that was counted in.")
    flow_id: str | None = Field(description="Flow that was counted; null for a whole namespace.")
    count: int = Field(description="How many executions.")


class CountOutput(TaskOutput):
    """The rows that the expression keeps, and the sum of their counts."""

    results: list[Row] = Field(description="The rows that the expression keeps.")
    total: int = Field(description="Sum of their counts.")


class Count(RunnableTask):
    """Count executions by flow or namespace; an expression over `count` chooses what is kept."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.execution.Count"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.executions.Counts", "io.kestra.plugin.core.execution.Counts")
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: silent
        type: io.kestra.plugin.core.execution.Count
        flows:
          - namespace: company.team
            flowId: nightly
        states: [SUCCESS]
        startDate: "{{ now() | dateAdd(-1, 'DAYS') }}"
        expression: "{{ count == 0 }}"
        """,
    )

    flows: tuple[FlowSelection, ...] = Field(default=(), description="Flows whose executions are counted.")
    namespaces: Property[list[str]] | None = Field(default=None, description="Namespaces whose executions are counted, instead of flows.")
    states: Property[list[StateType]] | None = Field(default=None, description="Count only these states.")
    start_date: Property[datetime] | None = Field(default=None, description="Count only executions created then or later.")
    end_date: Property[datetime] | None = Field(default=None, description="Count only executions created then or before.")
    expression: str = Field(default="true", description="Keeps a row when it renders to true.")

    @model_validator(mode="after")
    def _says_what_to_count(self) -> "Count":
        if bool(self.flows) == (self.namespaces is not None):
            raise ValueError("give either `flows` or `namespaces`")
        return self

    def run(self, context: RunContext) -> CountOutput:
        where = self._limits(context)
        rows = []
        for namespace, flow_id in self._selected(context):
            wanted = where.where("namespace", namespace).where("flow_id", flow_id)
            count = context.engine.repository.executions.search(wanted, Page(1, 1)).total
            if context.render(self.expression, {"count": count}).strip() == "true":
                rows.append(Row(namespace=namespace, flow_id=flow_id, count=count))
        return CountOutput(results=rows, total=sum(row.count for row in rows))

    def _selected(self, context: RunContext) -> Iterator[tuple[str, str | None]]:
        for flow in self.flows:
            yield context.render(flow.namespace), context.render(flow.flow_id)
        for namespace in context.render(self.namespaces) if self.namespaces is not None else ():
            yield namespace, None

    def _limits(self, context: RunContext) -> Filter:
        return (
            Filter()
            .where("tenant_id", context.info.tenant_id)
            .where("state", names(context.render(self.states) if self.states is not None else None), Operator.IN)
            .where("start_date", rendered_date(context, self.start_date), Operator.GREATER_THAN_OR_EQUAL_TO)
            .where("start_date", rendered_date(context, self.end_date), Operator.LESS_THAN_OR_EQUAL_TO)
        )
