"""io.kestra.plugin.scripts.python.Commands and Script: run Python programs."""

import shlex
from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.plugin.script.script_task import ScriptTask, Sources


class PythonTask(ScriptTask):
    """A script task that can install packages first."""

    dependencies: Property[list[str]] | None = Field(
        default=None,
        description="Packages to install first, as pip names them, into an environment of this attempt; uv does it where it is there.",
    )
    dependency_cache_enabled: Property[bool] = Field(
        default=Property.of(raw=True, kind=bool),
        description="Whether packages that were fetched before are taken from the installer's cache.",
    )

    def preparation(self, sources: Sources) -> list[str]:
        """Make an environment with the packages and put it first on the PATH."""
        packages = sources.list(self.dependencies)
        if not packages:
            return []
        folder = shlex.quote(sources.folder(".kestra-python-"))
        wanted, cache = shlex.join(packages), "" if sources.flag(self.dependency_cache_enabled) else " --no-cache"
        pip_cache = " --no-cache-dir" if cache else ""
        return [
            "if command -v uv > /dev/null",
            f"then uv venv -q {folder} && uv pip install -q{cache} --python {folder}/bin/python {wanted}",
            f"else python -m venv {folder} && {folder}/bin/python -m pip install -q --disable-pip-version-check{pip_cache} {wanted}",
            "fi || { echo 'the dependencies can not be installed' >&2; exit 1; }",
            f'export VIRTUAL_ENV={folder} PATH={folder}/bin:"$PATH"',
        ]


class Commands(PythonTask):
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


class Script(PythonTask):
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
