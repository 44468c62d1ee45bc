"""What all script tasks share: properties, the way from them to a process, and from the process to outputs."""

import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from kestra_stream.errors import Invalid
from kestra_stream.models.property import Property, has_expression
from kestra_stream.models.state import StateType
from kestra_stream.plugin.api import Outcome, RunContext, RunnableTask, Stopped, TaskFailed, TaskOutput
from kestra_stream.plugin.context.working_directory import find_files
from kestra_stream.plugin.core.runner.process import Process
from kestra_stream.plugin.namespace_files import NamespaceFilesOption
from kestra_stream.plugin.process.task_runner import AnyTaskRunner, ScriptProcess
from kestra_stream.plugin.script.docker import Docker
from kestra_stream.plugin.script.printed import Printed
from kestra_stream.plugin.staging import put_input_files, put_namespace_files, stored_files, stored_output_files, with_local_copies

_LONGEST_ARGUMENT = 100 * 1024


TargetOS = Literal["LINUX", "WINDOWS", "AUTO"]


class ScriptOutput(TaskOutput):
    """What a script left."""

    exit_code: int = Field(description="Exit code of the process.")
    vars: dict[str, Any] = Field(description='What the script gave as outputs in lines `::{"outputs": {...}}::`.')
    output_files: dict[str, str] = Field(description="URIs of the kept files by name.")
    std_out_line_count: int = Field(description="Lines on the standard output.")
    std_err_line_count: int = Field(description="Lines on the standard error.")
    task_runner: dict[str, Any] | None = Field(default=None, description="What the task runner tells; null for a process on the host.")


class Sources:
    """Renders what a script is made of: expressions know `workingDir` and `outputDir`, storage URIs become local paths."""

    def __init__(self, context: RunContext, extra: Mapping[str, object]) -> None:
        self._context = context
        self._extra = extra

    def text(self, value: Property[str]) -> str:
        """Return a text."""
        return with_local_copies(self._context, self._context.render(value, self._extra))

    def list(self, value: Property[list[str]] | None) -> list[str]:
        """Return lines."""
        return [with_local_copies(self._context, line) for line in self._context.render(value, self._extra) or ()]

    def flag(self, value: Property[bool]) -> bool:
        """Return a choice."""
        return self._context.render(value, self._extra)

    def folder(self, prefix: str) -> str:
        """Make a folder that is no output and return its path."""
        return tempfile.mkdtemp(prefix=prefix, dir=self._context.working_directory.path)

    def file(self, value: Property[str], extension: str) -> str:
        """Write a text to a file of its own and return its path, quoted for a shell."""
        return self.saved(self.text(value), extension)

    def saved(self, text: str, extension: str) -> str:
        """Write a rendered text to a file of its own and return its path, quoted for a shell."""
        folder = self._context.working_directory.path
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".kestra-script-", suffix=f".{extension}", delete=False) as file:
            file.write(text)
        return shlex.quote(file.name)


class ScriptTask(RunnableTask):
    """A task that runs a process and keeps what it prints and writes."""

    output_type: ClassVar[type[BaseModel] | None] = ScriptOutput

    before_commands: Property[list[str]] | None = Field(default=None, description="Commands that run first, in the same shell.")
    interpreter: Property[list[str]] = Field(
        default=Property.of(["/bin/sh", "-c"], list[str]), description="Program and arguments before the commands."
    )
    fail_fast: Property[bool] = Field(default=Property.of(True, bool), description="End at the first command that fails (`set -e`).")  # noqa: FBT003
    env: Property[dict[str, Any]] | None = Field(default=None, description="Environment variables.")
    warning_on_std_err: Property[bool] = Field(
        default=Property.of(True, bool),  # noqa: FBT003
        description="A line on the standard error makes a success a WARNING.",
    )
    container_image: Property[str] | None = Field(default=None, description="Image for task runners that use containers.")
    task_runner: AnyTaskRunner = Field(default=Process(), description="Where the process runs; on the worker's host by default.")
    namespace_files: NamespaceFilesOption | None = Field(default=None, description="Files of the namespace to put there first.")
    input_files: Property[Any] | None = Field(default=None, description="Files to create first: name to content or storage URI.")
    output_files: Property[list[str]] | None = Field(default=None, description="Globs of files to keep at the end.")
    output_directory: Property[bool] | None = Field(default=None, description="Make a folder `outputDir`; all files in it are kept.")
    target_os: Property[TargetOS] | None = Field(
        default=None, alias="targetOS", description="LINUX, WINDOWS or AUTO; the host decides, so it has no effect here."
    )
    runner: Literal["PROCESS", "DOCKER"] | None = Field(
        default=None, description="Deprecated: use taskRunner. PROCESS is the host; DOCKER is the host too, with a warning."
    )
    docker: dict[str, Any] | None = Field(default=None, description="Deprecated: use containerImage and taskRunner; no effect here.")

    def preparation(self, sources: Sources) -> list[str]:
        """Return commands that run before all others."""
        del sources
        return []

    def lines(self, sources: Sources) -> list[str]:
        """Return the commands, rendered."""
        raise TypeError(f"{self.type} has no commands")

    def run(self, context: RunContext) -> Outcome:
        """Run the process.

        Raises:
            TaskFailed: it ended with another exit code than 0, or printed more outputs than are read.
        """
        directory = context.working_directory.path
        output_folder = self._output_folder(context, directory)
        extra = {"workingDir": str(directory)} | ({"outputDir": str(output_folder)} if output_folder else {})
        put_namespace_files(context, self.namespace_files)
        put_input_files(context, self.input_files, extra)
        printed = Printed(context)
        runner = Docker(type=Docker.type_name) if self.runner == "DOCKER" else self.task_runner
        exit_code = runner.run(
            context,
            ScriptProcess(
                args=self._arguments(context, Sources(context, extra)),
                directory=directory,
                environment=self._environment(context, extra, directory, output_folder),
                image=context.render(self.container_image, extra),
                out=printed.out,
                err=printed.err,
            ),
        )
        if context.is_killed:
            raise Stopped
        return self._outcome(context, printed, exit_code, extra, output_folder)

    def _arguments(self, context: RunContext, sources: Sources) -> list[str]:
        commands = [*self.preparation(sources), *sources.list(self.before_commands), *self.lines(sources)]
        if context.render(self.fail_fast):
            commands.insert(0, "set -e")
        text = "\n".join(commands)
        if len(text.encode()) > _LONGEST_ARGUMENT:
            # the system refuses one argument that is longer than 128 KiB
            text = f". {sources.saved(text, 'sh')}"
        interpreter = context.render(self.interpreter)
        if not interpreter:
            raise Invalid("interpreter must name a program, as [/bin/sh, -c]")
        return [*interpreter, text]

    def _environment(self, context: RunContext, extra: Mapping[str, object], directory: Path, output_folder: Path | None) -> dict[str, str]:
        places = {"WORKING_DIR": str(directory)} | ({"OUTPUT_DIR": str(output_folder)} if output_folder else {})
        given = context.render(self.env, extra) or {}
        return places | {str(name): _as_variable(value) for name, value in given.items() if value is not None}

    def _output_folder(self, context: RunContext, directory: Path) -> Path | None:
        """The folder for outputs, when the task asks for it or mentions it."""
        wanted = context.render(self.output_directory)
        if wanted is None:
            wanted = _mentions(self, "outputDir") or _mentions(self, "OUTPUT_DIR")
        return Path(tempfile.mkdtemp(prefix=".kestra-output-", dir=directory)) if wanted else None

    def _outcome(
        self, context: RunContext, printed: Printed, exit_code: int, extra: Mapping[str, object], output_folder: Path | None
    ) -> Outcome:
        files = stored_output_files(context, self.output_files, extra)
        if output_folder is not None:
            files |= stored_files(context, output_folder, find_files(output_folder, ["**"]))
        outputs = ScriptOutput(
            exit_code=exit_code,
            vars=printed.variables,
            output_files=files,
            std_out_line_count=printed.out_lines,
            std_err_line_count=printed.err_lines,
        )
        if exit_code != 0:
            raise TaskFailed(f"Command failed with exit code {exit_code}{f'. {printed.refused}' if printed.refused else ''}", outputs)
        if printed.refused is not None:
            raise TaskFailed(printed.refused, outputs)
        warned = printed.err_lines > 0 and context.render(self.warning_on_std_err)
        return Outcome(outputs, StateType.WARNING if warned else StateType.SUCCESS)


def _mentions(task: ScriptTask, word: str) -> bool:
    properties = (getattr(task, name) for name in type(task).model_fields)
    return any(
        word in repr(value.raw) for value in properties if isinstance(value, Property) and (has_expression(value.raw) or word.isupper())
    )


def _as_variable(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
