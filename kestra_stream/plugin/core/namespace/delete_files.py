"""io.kestra.plugin.core.namespace.DeleteFiles: remove files of a namespace."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.models.records import MetricType
from kestra_stream.plugin.api import Measure, RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.text import structure


class DeleteFilesOutput(TaskOutput):
    """Which files went."""

    files: list[str] = Field(description="Paths of the files that are gone.")


class DeleteFiles(RunnableTask):
    """Delete files of a namespace; the metric `deleted` tells how many."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.namespace.DeleteFiles"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.namespace.DeleteFiles",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: tidy
        type: io.kestra.plugin.core.namespace.DeleteFiles
        namespace: company.team
        files: ["old/**"]
        """,
    )
    measures: ClassVar[tuple[Measure, ...]] = (Measure("deleted", MetricType.COUNTER, "Files that are gone."),)

    namespace: Property[str] | None = Field(default=None, description="The namespace; the own by default.")
    files: Property[list[str] | str] = Field(description="Globs of the files.")
    delete_parent_folder: Property[bool] = Field(
        default=Property.of("false", bool), description="Folders that become empty go, too (storage always removes them)."
    )

    def run(self, context: RunContext) -> DeleteFilesOutput:
        folder = context.namespace_files(context.render(self.namespace) if self.namespace is not None else None)
        globs = structure(context.render(self.files))
        gone = [path for path in folder.list([globs] if isinstance(globs, str) else globs) if folder.delete(path)]
        context.counter("deleted", len(gone))
        return DeleteFilesOutput(files=gone)
