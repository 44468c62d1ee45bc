"""io.kestra.plugin.core.namespace.UploadFiles: store files in a namespace."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, ClassVar

from pydantic import Field

from kestra_stream.errors import Invalid
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import NamespaceFolder, RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.text import as_text, structure


class Conflict(StrEnum):
    """What happens where a file is there already."""

    OVERWRITE = "OVERWRITE"
    ERROR = "ERROR"
    SKIP = "SKIP"


class UploadFilesOutput(TaskOutput):
    """Where the files are, by path."""

    files: dict[str, str] = Field(description="URIs of the stored files by path.")


class UploadFiles(RunnableTask):
    """Store files in a namespace: stored files by their URIs, files of the working directory by globs, or a map of paths to contents."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.namespace.UploadFiles"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.namespace.UploadFiles",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: publish
        type: io.kestra.plugin.core.namespace.UploadFiles
        namespace: company.team
        files:
          greeting.txt: hello
        """,
    )

    files: Property[Any] = Field(description="Globs and storage URIs, or a map of paths to contents or storage URIs.")
    namespace: Property[str] | None = Field(default=None, description="The namespace; the own by default.")
    destination: Property[str] = Field(default=Property.of("/"), description="Folder to store them in.")
    conflict: Property[Conflict] = Field(
        default=Property.of("OVERWRITE", Conflict), description="What happens where a file is there already."
    )

    def run(self, context: RunContext) -> UploadFilesOutput:
        folder = context.namespace_files(context.render(self.namespace) if self.namespace is not None else None)
        destination, conflict = PurePosixPath("/") / context.render(self.destination), context.render(self.conflict)
        stored = {}
        for name, content in self._contents(context).items():
            path = str(destination / name.lstrip("/"))
            if _may_store(folder, path, conflict):
                stored[path] = _put(context, folder, path, content)
        return UploadFilesOutput(files=stored)

    def _contents(self, context: RunContext) -> Mapping[str, Any]:
        files = structure(context.render(self.files))
        if isinstance(files, Mapping):
            return {str(name): content for name, content in files.items()}
        if not isinstance(files, str | list | tuple):
            raise Invalid("files must be globs, URIs, or a map of paths to contents or URIs")
        wanted = [files] if isinstance(files, str) else [str(one) for one in files]
        stored = {PurePosixPath(one).name: one for one in wanted if one.startswith("kestra://")}
        patterns = [one for one in wanted if not one.startswith("kestra://")]
        if not patterns:
            return stored
        top = context.working_directory.path
        return stored | {path.relative_to(top).as_posix(): path for path in context.working_directory.find(patterns)}


def _may_store(folder: NamespaceFolder, path: str, conflict: Conflict) -> bool:
    if conflict is Conflict.OVERWRITE or folder.uri(path) is None:
        return True
    if conflict is Conflict.ERROR:
        raise Invalid(f"the file {path} is there already, and conflict is ERROR")
    return False


def _put(context: RunContext, folder: NamespaceFolder, path: str, content: object) -> str:
    if isinstance(content, str) and content.startswith("kestra://"):
        with context.files.open(content) as source:
            return folder.put(path, source)
    if hasattr(content, "open"):
        with content.open("rb") as source:
            return folder.put(path, source)
    return folder.put(path, as_text(content).encode())
