"""io.kestra.plugin.core.flow.WorkingDirectory: tasks that share a directory on one worker."""

from typing import Any, ClassVar

from pydantic import BaseModel, Field, field_validator

from kestra_stream.models.behaviour import Run
from kestra_stream.models.document_model import Steps, Written, misplaced
from kestra_stream.models.duration import Duration
from kestra_stream.models.property import Property
from kestra_stream.models.task import AnyTask, FlowableTask
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.namespace_files import NamespaceFilesOption
from kestra_stream.plugin.staging import DirectoryCacheStore, put_input_files, put_namespace_files, stored_output_files


class DirectoryCache(Written):
    """Files that are kept from one run to the next."""

    ttl: Duration | None = Field(default=None, description="Older files are not used again.")
    patterns: tuple[str, ...] = Field(min_length=1, description="Globs of the files to keep.")


class WorkingDirectoryOutput(TaskOutput):
    """Files that were kept: relative name to storage URI."""

    output_files: dict[str, str] = Field(description="URIs of the kept files by name.")


class WorkingDirectory(FlowableTask):
    """Run tasks one after the other in one directory, on one worker."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.WorkingDirectory"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.tasks.flows.WorkingDirectory",
        "io.kestra.core.tasks.flows.Worker",
        "io.kestra.plugin.core.flow.Worker",
    )
    output_type: ClassVar[type[BaseModel] | None] = WorkingDirectoryOutput
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
        faults: list[tuple[str, Steps]] = []
        for number, task in enumerate(tasks):
            if task.type and not isinstance(task, RunnableTask):
                faults.append(
                    (f"task `{task.id}` ({task.type}) does not run on a worker; only such tasks can share a directory", (number,))
                )
            elif task.worker_group is not None:
                why = "set it on the WorkingDirectory, all its tasks run on one worker"
                faults.append((f"task `{task.id}` names a workerGroup: {why}", (number, "workerGroup")))
        if faults:
            raise misplaced(*faults)
        return tasks

    def behaviour(self) -> Run:
        return Run(self.tasks)

    def prepare(self, context: RunContext) -> None:
        """Put the cache, the files of the namespace and the input files into the directory."""
        if self.cache is not None and DirectoryCacheStore(context).restore(self.cache.ttl):
            context.logger.debug("The cache was restored")
        put_namespace_files(context, self.namespace_files)
        put_input_files(context, self.input_files)

    def finish(self, context: RunContext) -> WorkingDirectoryOutput:
        """Keep output files and the cache."""
        if self.cache is not None:
            DirectoryCacheStore(context).save([context.render(pattern) for pattern in self.cache.patterns])
        return WorkingDirectoryOutput(output_files=stored_output_files(context, self.output_files))
