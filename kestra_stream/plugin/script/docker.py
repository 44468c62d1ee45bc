"""What stands in for io.kestra.plugin.scripts.runner.docker.Docker as long as no connector provides it: the host."""

from typing import ClassVar

from pydantic import ConfigDict

from kestra_stream.plugin.api import RunContext
from kestra_stream.plugin.core.runner.process import Process
from kestra_stream.plugin.process.task_runner import ScriptProcess, TaskRunner

NO_CONTAINERS = "nothing that is installed runs containers, so this runs as a process of the worker's host"


class Docker(TaskRunner):
    """Run on the host, since nothing that is installed runs containers; all other properties are accepted and have no effect.

    A flow that says nothing of a task runner means Docker in Kestra and the host here; one that names Docker is treated alike.
    """

    model_config = ConfigDict(extra="allow")

    type_name: ClassVar[str] = "io.kestra.plugin.scripts.runner.docker.Docker"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.scripts.runner.docker.DockerTaskRunner",)
    caution: ClassVar[str | None] = NO_CONTAINERS
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: hello
        type: io.kestra.plugin.scripts.shell.Commands
        containerImage: ubuntu
        taskRunner:
          type: io.kestra.plugin.scripts.runner.docker.Docker
          pullPolicy: IF_NOT_PRESENT
        commands: ["echo hello"]
        """,
    )

    def run(self, context: RunContext, process: ScriptProcess) -> int:
        """Say so, and run the process."""
        context.logger.warning(NO_CONTAINERS)
        return Process().run(context, process)
