"""io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles: remove all files of this execution."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput


class PurgeOutput(TaskOutput):
    """Which files went."""

    uris: list[str] = Field(description="URIs of the files that are gone.")


class PurgeCurrentExecutionFiles(RunnableTask):
    """Delete every file of this execution."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.PurgeExecution", "io.kestra.plugin.core.storage.PurgeExecution")
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: tidy
        type: io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles
        """,
    )

    def run(self, context: RunContext) -> PurgeOutput:
        return PurgeOutput(uris=list(context.files.delete_execution_files()))
