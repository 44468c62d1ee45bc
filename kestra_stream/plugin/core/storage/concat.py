"""io.kestra.plugin.core.storage.Concat: several stored files into one."""

import shutil
from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput


class ConcatOutput(TaskOutput):
    """Where the file is."""

    uri: str = Field(description="URI of the new file.")


class Concat(RunnableTask):
    """Put files one behind the other."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.storage.Concat"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Concat",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: together
        type: io.kestra.plugin.core.storage.Concat
        files:
          - "{{ outputs.first.uri }}"
          - "{{ outputs.second.uri }}"
        """,
    )

    files: Property[list[str]] = Field(description="The files, in order: a list, or the JSON text of one.")
    separator: Property[str] | None = Field(default=None, description="Text between two files.")
    extension: Property[str] = Field(default=Property.of(".tmp"), description="End of the new file's name.")

    def run(self, context: RunContext) -> ConcatOutput:
        separator = (context.render(self.separator) if self.separator is not None else "").encode()
        with context.files.writer("concat" + context.render(self.extension)) as target:
            for place, uri in enumerate(context.render(self.files)):
                if place and separator:
                    target.write(separator)
                with context.files.open(uri) as source:
                    shutil.copyfileobj(source, target, 1 << 20)
        return ConcatOutput(uri=target.uri)
