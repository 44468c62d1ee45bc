"""io.kestra.plugin.core.flow.WorkingDirectory: tasks that share a directory on one worker."""

from typing import Any, ClassVar

from pydantic import Field, field_validator

from kestra_stream.models.behaviour import Run
from kestra_stream.models.document_model import Written
from kestra_stream.models.duration import Duration
from kestra_stream.models.property import Property
from kestra_stream.models.task import AnyTask, FlowableTask
from kestra_stream.plugin.api import RunnableTask
from kestra_stream.plugin.core.namespace_files import NamespaceFilesOption


class DirectoryCache(Written):
    """Files that are kept from one run to the next."""

    ttl: Duration | None = Field(default=None, description="Older files are not used again.")
    patterns: tuple[str, ...] = Field(min_length=1, description="Globs of the files to keep.")


class WorkingDirectory(FlowableTask):
    """Run tasks one after the other in one directory, on one worker."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.WorkingDirectory"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.WorkingDirectory", "io.kestra.core.tasks.flows.Worker")
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: together
        type: io.kestra.plugin.core.flow.WorkingDirectory
        tasks:
          - id: write
            type: io.kestra.plugin.scripts.shell.Commands
            commands: ["echo hello > greeting.txt"]
          - id: read
            type: io.kestra.plugin.scripts.shell.Commands
            commands: ["cat greeting.txt"]
        """,
    )

    tasks: tuple[AnyTask, ...] = Field(min_length=1, description="The tasks, in order; each must run on a worker.")
    input_files: Property[Any] | None = Field(default=None, description="Files to create first: name to content or storage URI.")
    output_files: Property[list[str]] | None = Field(default=None, description="Globs of files to keep at the end.")
    namespace_files: NamespaceFilesOption | None = Field(default=None, description="Files of the namespace to put there first.")
    cache: DirectoryCache | None = Field(default=None, description="Files to keep for the next run.")

    @field_validator("tasks")
    @classmethod
    def _children_run_on_the_worker(cls, tasks: tuple[AnyTask, ...]) -> tuple[AnyTask, ...]:
        for task in tasks:
            if not isinstance(task, RunnableTask):
                raise ValueError(f"task `{task.id}` ({task.type}) does not run on a worker; only such tasks can share a directory")
            if task.worker_group is not None:
                raise ValueError(f"task `{task.id}` names a workerGroup: set it on the WorkingDirectory, all its tasks run on one worker")
        return tasks

    def behaviour(self) -> Run:
        return Run(self.tasks)
