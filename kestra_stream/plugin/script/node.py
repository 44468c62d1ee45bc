"""io.kestra.plugin.scripts.node.Commands and Script: run Node.js programs."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.plugin.script.script_task import ScriptTask, Sources


class Commands(ScriptTask):
    """Run shell commands where Node.js is at hand."""

    type_name: ClassVar[str] = "io.kestra.plugin.scripts.node.Commands"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: run
        type: io.kestra.plugin.scripts.node.Commands
        namespaceFiles:
          enabled: true
        commands:
          - node scripts/main.js
        """,
    )

    commands: Property[list[str]] = Field(description="The commands.")

    def lines(self, sources: Sources) -> list[str]:
        return sources.list(self.commands)


class Script(ScriptTask):
    """Run a Node.js program that is written in the flow."""

    type_name: ClassVar[str] = "io.kestra.plugin.scripts.node.Script"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: say
        type: io.kestra.plugin.scripts.node.Script
        script: console.log("hello")
        """,
    )

    script: Property[str] = Field(description="The program.")

    def lines(self, sources: Sources) -> list[str]:
        return [f"node {sources.file(self.script, 'js')}"]
