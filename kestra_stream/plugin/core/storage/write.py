"""io.kestra.plugin.core.storage.Write: text into a stored file."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput


class WriteOutput(TaskOutput):
    """Where the file is."""

    uri: str = Field(description="URI of the file.")


class Write(RunnableTask):
    """Write text into a file of internal storage."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.storage.Write"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: note
        type: io.kestra.plugin.core.storage.Write
        content: "{{ inputs.text }}"
        extension: .txt
        """,
    )

    content: Property[str] = Field(description="The text.")
    extension: Property[str] = Field(default=Property.of(".tmp"), description="End of the file's name.")

    def run(self, context: RunContext) -> WriteOutput:
        name = "content" + context.render(self.extension)
        return WriteOutput(uri=context.files.put(context.render(self.content).encode(), name))
