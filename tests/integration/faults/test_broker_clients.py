"""Commands of the log while no broker answers: they say which address, and end."""

from pathlib import Path

import pytest

from tests.integration.faults.site import Site

FLOW = """
id: hello
namespace: tests.faults
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: hi}
"""
AWAY = "127.0.0.1:1"


@pytest.mark.parametrize("command", ["run hello.yaml", "execution start tests.faults.hello"])
def test_a_command_without_a_broker_names_it_and_ends(command: str, tmp_path: Path) -> None:
    (tmp_path / "hello.yaml").write_text(FLOW, encoding="utf-8")
    with Site(tmp_path, {"bootstrap.servers": AWAY}) as site:
        done = site.command(*command.split())
    assert done.returncode == 1, done.stderr
    assert AWAY in done.stderr
    assert "Unavailable" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) < 5
