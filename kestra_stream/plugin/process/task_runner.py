"""TaskRunner: where the process of a script runs. The host is built in; others come with connectors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import ValidationInfo, WrapValidator

from kestra_stream.models.task import Plugin, resolved_as
from kestra_stream.plugin.api import RunContext
from kestra_stream.plugin.process.line_splitter import Line


@dataclass(frozen=True, slots=True)
class ScriptProcess:
    """What a runner has to run.

    Attributes:
        directory: the working directory, filled.
        environment: what the script's environment has on top of that of the place where it runs.
        image: container image that the flow asks for; a runner without containers ignores it.
        out, err: take each line.
    """

    args: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    image: str | None
    out: Line
    err: Line


class TaskRunner(Plugin):
    """Root of all task runners."""

    def run(self, context: RunContext, process: ScriptProcess) -> int:
        """Run the process to its end and return its exit code.

        Raises:
            TaskFailed: it cannot be run here.
        """
        raise TypeError(f"{self.type} cannot run a process")


def _resolved(value: object, handler: Callable[[object], object], info: ValidationInfo) -> object:
    return resolved_as(TaskRunner, value, handler, info)


if TYPE_CHECKING:
    AnyTaskRunner = TaskRunner
else:
    AnyTaskRunner = Annotated[TaskRunner, WrapValidator(_resolved)]
