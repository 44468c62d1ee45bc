"""A command loads what it needs and no more: that is what keeps its start quick."""

import subprocess
import sys
from pathlib import Path

import pytest

from .command import EXAMPLES

SCRIPT = """
import sys
from kestra_stream.cli.main import main
sys.argv = ["kestra-stream", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(*sorted(sys.modules), file=sys.stderr)
"""
# Prints of each collection whether the command was loaded when it began, and at the end whether the collector is on.
COLLECTIONS = """
import gc, sys
from kestra_stream.cli.main import main
loaded = []
gc.callbacks.append(lambda phase, _: loaded.append("kestra_stream.cli.terminal.view" in sys.modules))
sys.argv = ["kestra-stream", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(all(loaded), gc.isenabled(), gc.get_freeze_count() > 1000, file=sys.stderr)
"""
# Clients, and libraries of single tasks and functions.
HEAVY = [
    "amazon",
    "asyncio",
    "babel",
    "confluent_kafka",
    "cronsim",
    "cryptography",
    "elasticsearch",
    "faust",
    "holidays",
    "httpx",
    "jq",
    "minio",
    "multiprocessing",
    "prometheus_client",
    "psutil",
    "rich",
]


def told(folder: Path, script: str, *arguments: str | Path) -> list[str]:
    """Return the words of the last line that a script has told."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=100, check=True)  # noqa: S603
    return done.stderr.splitlines()[-1].split()


def loaded(folder: Path, *arguments: str | Path) -> set[str]:
    return set(told(folder, SCRIPT, *arguments))


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("flow", "--help"), ("--version",)])
def test_help_loads_nothing_of_the_engine(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    names = loaded(tmp_path, *arguments)
    ours = {name for name in names if name.startswith("kestra_stream") and not name.startswith("kestra_stream.cli.apps")}
    assert ours <= {
        "kestra_stream",
        "kestra_stream.cli",
        "kestra_stream.cli.exit_codes",
        "kestra_stream.cli.main",
        "kestra_stream.errors",
    }
    assert names.isdisjoint({*HEAVY, "yaml", "regex", "orjson"})
    # typer asks pydantic for the options of a command
    assert "pydantic" not in names or len(arguments) > 1


def test_a_run_loads_no_client_and_only_the_plugins_that_its_flow_names(tmp_path: Path) -> None:
    names = loaded(tmp_path, "run", EXAMPLES / "hello.yaml")
    assert names.isdisjoint({*HEAVY, "regex"})
    plugins = {name for name in names if name.startswith(("kestra_stream.plugin.core.", "kestra_stream.plugin.script."))}
    assert plugins == {
        "kestra_stream.plugin.core.log",
        "kestra_stream.plugin.core.log.log",
        "kestra_stream.plugin.core.output",
        "kestra_stream.plugin.core.output.output_values",
    }


def test_the_collector_does_not_look_at_what_a_command_loads(tmp_path: Path) -> None:
    assert told(tmp_path, COLLECTIONS, "run", EXAMPLES / "hello.yaml") == ["True", "True", "True"]
