"""io.kestra.plugin.core.storage.Reverse: the lines of a stored file, last first."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from kestra_stream.errors import Invalid
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import Files, RunContext, RunnableTask, TaskOutput

_BLOCK = 1 << 20


class ReverseOutput(TaskOutput):
    """Where the file is."""

    uri: str = Field(description="URI of the new file.")


class Reverse(RunnableTask):
    """Write the parts of a file in reverse order."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.storage.Reverse"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Reverse",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: backwards
        type: io.kestra.plugin.core.storage.Reverse
        from: "{{ inputs.file }}"
        """,
    )

    from_: Property[str] = Field(alias="from", description="The file.")
    separator: Property[str] = Field(default=Property.of("\n"), description="What ends a part.")
    charset: Property[str] = Field(default=Property.of("UTF-8"), description="Encoding of the separator.")

    def run(self, context: RunContext) -> ReverseOutput:
        separator = context.render(self.separator).encode(context.render(self.charset))
        if not separator:
            raise Invalid("the separator is empty")
        with context.files.writer("reversed.ion") as target:
            for part in _from_the_end(context.files, context.render(self.from_), separator):
                target.write(part + separator)
        return ReverseOutput(uri=target.uri)


def _from_the_end(files: Files, uri: str, separator: bytes) -> Iterator[bytes]:
    """Yield the parts of a file, the last one first, reading block by block; a separator at the very end closes the last part."""
    end, rest = files.size(uri), b""
    is_end_of_file = True
    while end > 0:
        start = max(end - max(_BLOCK, len(rest)), 0)
        with files.open(uri, start, end) as source:
            rest = source.read() + rest
        end = start
        if is_end_of_file:
            rest = rest.removesuffix(separator)
            is_end_of_file = False
        # what stands before the first separator may go on in the block in front
        rest, *parts = rest.split(separator)
        yield from reversed(parts)
    if not is_end_of_file:
        yield rest
