"""io.kestra.plugin.core.runner.Process: run a script as a process of the worker's host."""

import os
import shutil
import sys
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from kestra_stream.engine.vault import KEY_VARIABLE
from kestra_stream.plugin.api import RunContext
from kestra_stream.plugin.process.child_process import ChildProcess
from kestra_stream.plugin.process.task_runner import ScriptProcess, TaskRunner

_HIDDEN = "SECRET_"


class Process(TaskRunner):
    """Run on the host, with the worker's environment (without its secrets) below that of the task."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.runner.Process"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.tasks.runners.types.ProcessTaskRunner",
        "io.kestra.core.runners.ProcessTaskRunner",
        "io.kestra.core.tasks.runners.Process",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: hello
        type: io.kestra.plugin.scripts.shell.Commands
        taskRunner:
          type: io.kestra.plugin.core.runner.Process
        commands: ["echo hello"]
        """,
    )

    type: str = Field(default="io.kestra.plugin.core.runner.Process", description="The type's name.")

    def run(self, context: RunContext, process: ScriptProcess) -> int:
        """Run the process; killed and timed out attempts end its whole tree."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN) and name != KEY_VARIABLE}
        child = ChildProcess(process.args, process.directory, with_python({**own, **process.environment}))
        return child.run(process.out, process.err, context.on_kill)


def with_python(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment with this interpreter's folder at the end of PATH when no `python` is on it."""
    path = environment.get("PATH", os.defpath)
    if shutil.which("python", path=path):
        return environment
    return {**environment, "PATH": f"{path}{os.pathsep}{os.path.dirname(sys.executable)}"}  # noqa: PTH120 - text in, text out
