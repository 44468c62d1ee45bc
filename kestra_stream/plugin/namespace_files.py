"""The option `namespaceFiles`: which files of a namespace a task finds in its working directory."""

from pydantic import Field

from kestra_stream.models.document_model import Written


class NamespaceFilesOption(Written):
    """Files of the namespace that are put into the working directory first."""

    enabled: bool = Field(default=True, description="Whether any are.")
    include: tuple[str, ...] = Field(default=(), description="Globs of the files; all by default.")
    exclude: tuple[str, ...] = Field(default=(), description="Globs of files to leave out.")
    namespaces: tuple[str, ...] = Field(
        default=(), description="Namespaces whose files are taken, later ones over earlier ones; the own by default."
    )
    folder_per_namespace: bool = Field(default=False, description="Put the files of each namespace into a folder of its name.")
