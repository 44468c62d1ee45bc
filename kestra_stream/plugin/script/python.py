"""io.kestra.plugin.scripts.python.Commands and Script: run Python programs."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.plugin.script.script_task import ScriptTask, Sources


class Commands(ScriptTask):
    """Run shell commands where Python is at hand."""

    type_name: ClassVar[str] = "io.kestra.plugin.scripts.python.Commands"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: run
        type: io.kestra.plugin.scripts.python.Commands
        namespaceFiles:
          enabled: true
        commands:
          - python scripts/main.py
        """,
    )

    commands: Property[list[str]] = Field(description="The commands.")

    def lines(self, sources: Sources) -> list[str]:
        return sources.list(self.commands)


class Script(ScriptTask):
    """Run a Python program that is written in the flow."""

    type_name: ClassVar[str] = "io.kestra.plugin.scripts.python.Script"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: say
        type: io.kestra.plugin.scripts.python.Script
        script: print("hello")
        """,
    )

    script: Property[str] = Field(description="The program.")

    def lines(self, sources: Sources) -> list[str]:
        return [f"python {sources.file(self.script, 'py')}"]
