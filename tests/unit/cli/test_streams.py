"""Standard streams of any kind: pipes that break, streams that are closed, disks that are full, other encodings."""

import json
import subprocess
from pathlib import Path

import pytest

from .command import COMMAND, EXAMPLES, kestra

pytestmark = pytest.mark.slow  # whole processes

HELLO = EXAMPLES / "hello.yaml"


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # noqa: S603 - fixed lines of this test
        ["/bin/bash", "-c", f"set -o pipefail; {line}"],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={"K": COMMAND, "H": str(HELLO), "PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "utf-8"},
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("command", ["run $H", "run $H -o json", "plugin list", "plugin schema", "flow graph $H -o json"])
def test_a_reader_may_leave_early(tmp_path: Path, command: str) -> None:
    done = shell(f"$K {command} | head -n 1", tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_stream_may_be_closed(tmp_path: Path, closed: str) -> None:
    assert shell(f"$K run $H {closed}", tmp_path).returncode == 0


@pytest.mark.parametrize("command", ["run $H", "run $H -o json", "plugin list"])
def test_a_full_disk_is_told_in_one_line(tmp_path: Path, command: str) -> None:
    done = shell(f"$K {command} > /dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "standard output: No space left on device\n"


def test_signs_that_an_encoding_lacks_are_replaced(tmp_path: Path) -> None:
    done = shell("PYTHONIOENCODING=ascii $K run $H -i name=Zoë", tmp_path)
    assert done.returncode == 0
    assert "|- greeting" in done.stdout
    assert "Hello, Zo\\xeb!" in done.stdout


def test_a_flow_may_come_from_standard_input(tmp_path: Path) -> None:
    assert "Hello, world!" in kestra("run", "-", cwd=tmp_path, given=HELLO.read_text()).stdout
    done = kestra("flow", "validate", "-", cwd=tmp_path, given="id: a\nnamespace: b\ntask: []\n", check=2)
    assert "<stdin>:3:1: task: unknown property `task`; did you mean `tasks`" in done.stderr


def test_a_file_that_is_no_text_is_a_fault_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"id: a\nnamespace: b\n# caf\xe9\n")
    for command in (("run",), ("flow", "validate")):
        assert "latin.yaml:3:6: this is not UTF-8 text" in kestra(*command, "latin.yaml", cwd=tmp_path, check=2).stderr


def test_a_file_that_is_far_too_long_is_a_fault_and_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "long.yaml").open("wb") as file:
        file.truncate(10**11)
    assert "long.yaml: it has more than 20,000,000 bytes" in kestra("flow", "validate", "long.yaml", cwd=tmp_path, check=2).stderr


@pytest.mark.parametrize("storage", ["/proc/nothing", str(HELLO)])
def test_a_storage_that_takes_no_file_is_refused(tmp_path: Path, storage: str) -> None:
    assert "files cannot be written there" in kestra("run", HELLO, "--storage", storage, cwd=tmp_path, check=2).stderr


def test_the_files_go_to_the_storage_that_was_named(tmp_path: Path) -> None:
    flow = tmp_path / "f.yaml"
    flow.write_text("id: f\nnamespace: n\ntasks: [{id: w, type: io.kestra.plugin.core.storage.Write, content: kept}]\n")
    kestra("run", flow, "--storage", "elsewhere", cwd=tmp_path)
    assert [path.read_text() for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()] == ["kept"]
    assert not (tmp_path / ".storage").exists()


def test_bad_input_is_a_document_too_where_one_is_wanted(tmp_path: Path) -> None:
    done = kestra("run", HELLO, "-i", "nam=Ada", "-o", "json", cwd=tmp_path, check=2)
    document = json.loads(done.stdout)
    assert document["execution"] is None
    assert [fault["path"] for fault in document["faults"]] == ["nam"]
    assert "did you mean `name`?" in done.stderr
