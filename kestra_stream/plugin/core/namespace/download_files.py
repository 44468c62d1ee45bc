"""io.kestra.plugin.core.namespace.DownloadFiles: files of a namespace as files of the execution."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.models.records import MetricType
from kestra_stream.plugin.api import Measure, RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.text import structure


class DownloadFilesOutput(TaskOutput):
    """Where the files are, by path."""

    files: dict[str, str] = Field(description="URIs of the files by path.")


class DownloadFiles(RunnableTask):
    """Copy files of a namespace to the outputs of this task."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.namespace.DownloadFiles"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.namespace.DownloadFiles",)
    measures: ClassVar[tuple[Measure, ...]] = (Measure("downloaded", MetricType.COUNTER, "Files that were copied."),)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: fetch
        type: io.kestra.plugin.core.namespace.DownloadFiles
        namespace: company.team
        files: ["**.txt"]
        """,
    )

    namespace: Property[str] | None = Field(default=None, description="The namespace; the own by default.")
    files: Property[list[str] | str] = Field(description="Globs of the files.")
    destination: Property[str] = Field(default=Property.of(""), description="Folder in front of the paths of the output.")

    def run(self, context: RunContext) -> DownloadFilesOutput:
        folder = context.namespace_files(context.render(self.namespace) if self.namespace is not None else None)
        globs = structure(context.render(self.files))
        prefix = context.render(self.destination).rstrip("/")
        found = {}
        for path in folder.list([globs] if isinstance(globs, str) else globs):
            with folder.open(path) as source:
                found[f"{prefix}{path}"] = context.files.put(source, path.lstrip("/"))
        context.counter("downloaded", len(found))
        return DownloadFilesOutput(files=found)
