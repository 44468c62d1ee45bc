"""io.kestra.plugin.core.storage.LocalFiles: files into, and out of, a working directory."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from kestra_stream.errors import Invalid
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.text import as_text, structure


class LocalFilesOutput(TaskOutput):
    """Where the kept files are, by name."""

    uris: dict[str, str] = Field(description="URIs of the kept files by name.")


class LocalFiles(RunnableTask):
    """Create files in the working directory, and keep files of it; of use inside a WorkingDirectory."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.storage.LocalFiles"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.LocalFiles",)
    deprecated: ClassVar[str | None] = "use inputFiles and outputFiles of WorkingDirectory"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: files
        type: io.kestra.plugin.core.storage.LocalFiles
        inputs:
          greeting.txt: hello
        outputs: ["*.csv"]
        """,
    )

    inputs: Property[Any] | None = Field(default=None, description="Name to content or storage URI.")
    outputs: Property[list[str]] | None = Field(default=None, description="Globs of the files to keep.")

    def run(self, context: RunContext) -> LocalFilesOutput:
        created = structure(context.render(self.inputs)) if self.inputs is not None else {}
        if not isinstance(created, Mapping):
            raise Invalid("inputs must be a map of names to contents")
        for name, content in created.items():
            put_file(context, str(name), content)
        kept = context.working_directory.find(context.render(self.outputs)) if self.outputs is not None else ()
        top = context.working_directory.path
        return LocalFilesOutput(uris={(name := path.relative_to(top).as_posix()): context.files.put(path, name) for path in kept})


def put_file(context: RunContext, name: str, content: object) -> None:
    """Create one file of the working directory from text, or from a stored file."""
    if isinstance(content, str) and content.startswith("kestra://"):
        with context.files.open(content) as source:
            context.working_directory.write(name, source)
    else:
        context.working_directory.write(name, as_text(content).encode())
