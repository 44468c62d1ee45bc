"""io.kestra.plugin.core.log.Fetch: log lines of an execution into a stored file."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.core.rows import row_line
from kestra_stream.repository.query import Filter, Operator, Page, Sort

_AT_ONCE = 1000


class FetchOutput(TaskOutput):
    """A file with one row for each line, and how many there are."""

    uri: str = Field(description="URI of a file with one row for each line.")
    size: int = Field(description="How many lines there are.")


class Fetch(RunnableTask):
    """Write the log lines of an execution, of at least some severity, into a file of rows."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.log.Fetch"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.log.Fetch",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: errors
        type: io.kestra.plugin.core.log.Fetch
        level: ERROR
        """,
    )

    execution_id: Property[str] | None = Field(default=None, description="The execution; this one by default.")
    namespace: Property[str] | None = Field(default=None, description="Only lines of this namespace.")
    flow_id: Property[str] | None = Field(default=None, description="Only lines of this flow.")
    tasks_id: Property[list[str]] | None = Field(default=None, description="Only lines of these tasks.")
    level: Property[Level] = Field(default=Property.of("INFO", Level), description="Least severe lines to take.")

    def run(self, context: RunContext) -> FetchOutput:
        size = 0
        with context.files.writer("logs.ion") as target:
            for entry in self._entries(context):
                target.write(row_line(_row(entry)))
                size += 1
        return FetchOutput(uri=target.uri, size=size)

    def _entries(self, context: RunContext) -> Iterator[LogEntry]:
        where = (
            Filter()
            .where("tenant_id", context.info.tenant_id)
            .where("execution_id", context.render(self.execution_id) if self.execution_id is not None else context.info.execution_id)
            .where("namespace", context.render(self.namespace) if self.namespace is not None else None)
            .where("flow_id", context.render(self.flow_id) if self.flow_id is not None else None)
            .where("task_id", context.render(self.tasks_id) if self.tasks_id is not None else None, Operator.IN)
            .where("level", context.render(self.level), Operator.GREATER_THAN_OR_EQUAL_TO)
        )
        number, found = 1, _AT_ONCE
        while found == _AT_ONCE:
            items = context.engine.repository.logs.search(where, Page(number, _AT_ONCE, (Sort("timestamp"),))).items
            yield from items
            number, found = number + 1, len(items)


def _row(entry: LogEntry) -> dict[str, object]:
    return {
        "executionId": entry.execution_id,
        "namespace": entry.namespace,
        "flowId": entry.flow_id,
        "taskId": entry.task_id,
        "taskRunId": entry.task_run_id,
        "attemptNumber": entry.attempt_number,
        "timestamp": entry.timestamp,
        "level": entry.level.value,
        "message": entry.message,
    }
