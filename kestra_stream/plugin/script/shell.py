"""io.kestra.plugin.scripts.shell.Commands and Script: run shell commands."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.plugin.script.script_task import ScriptTask, Sources


class Commands(ScriptTask):
    """Run shell commands, one after the other, in one shell."""

    type_name: ClassVar[str] = "io.kestra.plugin.scripts.shell.Commands"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: count
        type: io.kestra.plugin.scripts.shell.Commands
        inputFiles:
          data.txt: "{{ outputs.download.uri }}"
        commands:
          - echo "::{\\"outputs\\":{\\"lines\\":$(wc -l < data.txt)}}::"
        """,
    )

    commands: Property[list[str]] = Field(description="The commands.")

    def lines(self, sources: Sources) -> list[str]:
        return sources.list(self.commands)


class Script(ScriptTask):
    """Run a shell script."""

    type_name: ClassVar[str] = "io.kestra.plugin.scripts.shell.Script"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: greet
        type: io.kestra.plugin.scripts.shell.Script
        script: |
          for name in Ada Grace; do
            echo "Hello $name"
          done
        """,
    )

    script: Property[str] = Field(description="The script.")

    def lines(self, sources: Sources) -> list[str]:
        return [sources.text(self.script)]
