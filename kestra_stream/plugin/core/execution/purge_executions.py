"""io.kestra.plugin.core.execution.PurgeExecutions: remove executions that have ended."""

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from kestra_stream.models.execution import Execution
from kestra_stream.models.property import Property
from kestra_stream.models.state import TERMINAL, StateType
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskFailed, TaskOutput
from kestra_stream.plugin.core.execution.selection import names, rendered_date
from kestra_stream.repository.query import Filter, Operator, Page, Sort
from kestra_stream.storage.uri import execution_folder

ENDED = tuple(sorted(TERMINAL))


class PurgeExecutionsOutput(TaskOutput):
    """How many executions, log lines, metrics and files are gone."""

    executions_count: int = Field(default=0, description="Executions that are gone.")
    logs_count: int = Field(default=0, description="Log lines that are gone.")
    metrics_count: int = Field(default=0, description="Metrics that are gone.")
    storages_count: int = Field(default=0, description="Files that are gone.")


class PurgeExecutions(RunnableTask):
    """Remove executions that ended before a date, with their logs, metrics and files."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.execution.PurgeExecutions"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Purge", "io.kestra.plugin.core.storage.Purge")
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: tidy
        type: io.kestra.plugin.core.execution.PurgeExecutions
        namespace: company
        endDate: "{{ now() | dateAdd(-1, 'MONTHS') }}"
        states: [SUCCESS, WARNING]
        """,
    )

    end_date: Property[datetime] = Field(description="Only executions that ended then or before.")
    start_date: Property[datetime] | None = Field(default=None, description="Only executions created then or later.")
    namespace: Property[str] | None = Field(default=None, description="Only of this namespace and those below it.")
    flow_id: Property[str] | None = Field(default=None, description="Only of this flow; needs the namespace.")
    states: Property[list[StateType]] | None = Field(default=None, description="Only in these states, all of them final.")
    purge_execution: Property[bool] = Field(default=Property.of("true", bool), description="Remove the executions themselves.")
    purge_log: Property[bool] = Field(default=Property.of("true", bool), description="Remove their logs.")
    purge_metric: Property[bool] = Field(default=Property.of("true", bool), description="Remove their metrics.")
    purge_storage: Property[bool] = Field(default=Property.of("true", bool), description="Remove their files.")
    batch_size: Property[int] = Field(default=Property.of(100, int), description="How many are looked up at once.")

    @field_validator("states")
    @classmethod
    def _states_are_final(cls, states: Property[list[StateType]] | None) -> Property[list[StateType]] | None:
        if states is not None and states.is_constant:
            _check_final(states.render(list))
        return states

    @model_validator(mode="after")
    def _flow_has_a_namespace(self) -> "PurgeExecutions":
        if self.flow_id is not None and self.namespace is None:
            raise ValueError("`flowId` needs `namespace`")
        return self

    def run(self, context: RunContext) -> PurgeExecutionsOutput:
        keeps = not context.render(self.purge_execution)
        counts = [0, 0, 0, 0]
        for execution in self._found(context, keeps=keeps):
            for place, count in enumerate(self._purged(context, execution, keeps=keeps)):
                counts[place] += count
        told = f"purged {counts[0]} executions, {counts[1]} log lines, {counts[2]} metrics and {counts[3]} files"
        context.logger.info(told)
        return PurgeExecutionsOutput(executions_count=counts[0], logs_count=counts[1], metrics_count=counts[2], storages_count=counts[3])

    def _found(self, context: RunContext, *, keeps: bool) -> Iterator[Execution]:
        """Yield executions batch by batch; those that are removed make room, so that the next batch is the first page again."""
        where, size, number = self._filter(context), max(context.render(self.batch_size), 1), 1
        while True:
            found = context.engine.repository.executions.search(where, Page(number, size, (Sort("end_date"), Sort("id")))).items
            yield from found
            if len(found) < size or context.is_killed:
                return
            number += keeps

    def _filter(self, context: RunContext) -> Filter:
        states = context.render(self.states) if self.states is not None else ENDED
        try:
            _check_final(states)
        except ValueError as error:
            raise TaskFailed(str(error)) from None
        namespace = context.render(self.namespace) if self.namespace is not None else None
        flow_id = context.render(self.flow_id) if self.flow_id is not None else None
        return (
            Filter()
            .where("tenant_id", context.info.tenant_id)
            .where("namespace", namespace, Operator.PREFIX)
            .where("flow_id", flow_id)
            .where("state", names(states), Operator.IN)
            .where("start_date", rendered_date(context, self.start_date), Operator.GREATER_THAN_OR_EQUAL_TO)
            .where("end_date", rendered_date(context, self.end_date), Operator.LESS_THAN_OR_EQUAL_TO)
        )

    def _purged(self, context: RunContext, execution: Execution, *, keeps: bool) -> tuple[int, int, int, int]:
        """Remove what is asked for of one execution; the execution itself last, so that a crash leaves nothing without an owner."""
        repository, mine = context.engine.repository, Filter().where("execution_id", execution.id)
        logs = repository.logs.delete(mine) if context.render(self.purge_log) else 0
        metrics = repository.metrics.delete(mine) if context.render(self.purge_metric) else 0
        files = 0
        if context.render(self.purge_storage):
            folder = execution_folder(execution.namespace, execution.flow_id, execution.id)
            files = context.engine.storage.delete(execution.tenant_id, folder)
        gone = 0 if keeps else int(repository.executions.delete(execution.id))
        return gone, logs, metrics, files


def _check_final(states: list[StateType] | tuple[StateType, ...]) -> None:
    running = [state.value for state in states if state not in TERMINAL]
    if running:
        raise ValueError(f"only executions that have ended can be purged, and {running[0]} is not final")
