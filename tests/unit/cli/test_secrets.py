"""The encryption key of a run comes from the environment, and goes nowhere else."""

import base64
import json
from pathlib import Path

import pytest

from .command import kestra

pytestmark = pytest.mark.slow  # whole processes

KEY = base64.b64encode(bytes(range(32))).decode()
FLOW = """
id: secrets
namespace: tests.cli
inputs: [{id: password, type: SECRET}]
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "it is {{ inputs.password }}"}
  - id: script
    type: io.kestra.plugin.scripts.shell.Script
    script: |
      env | grep KESTRA_STREAM_ENCRYPTION_KEY && exit 1
      echo '::{"encryptedOutputs": {"token": "xyzzy"}}::'
  - {id: length, type: io.kestra.plugin.core.debug.Return, format: "{{ (inputs.password ~ outputs.script.vars.token) | length }}"}
outputs: [{id: again, type: SECRET, value: "{{ inputs.password }}"}]
"""


def run(folder: Path, check: int, **variables: str) -> tuple[str, str]:
    path = folder / "secrets.yaml"
    path.write_text(FLOW)
    done = kestra("run", path, "-i", "password=hunter2", "-o", "json", cwd=folder, check=check, **variables)
    return done.stdout, done.stderr


def test_a_key_in_the_environment_encrypts_what_is_secret(tmp_path: Path) -> None:
    output, _ = run(tmp_path, 0, KESTRA_STREAM_ENCRYPTION_KEY=KEY)
    assert "hunter2" not in output
    assert "xyzzy" not in output
    document = json.loads(output)
    assert document["execution"]["inputs"]["password"]["type"] == "io.kestra.datatype:aes_encrypted"
    assert document["execution"]["outputs"]["again"]["type"] == "io.kestra.datatype:aes_encrypted"
    assert document["execution"]["taskRunList"][2]["outputs"]["value"] == "12"
    assert "it is ********" in [line["message"] for line in document["logs"]]


def test_without_a_key_the_variable_is_named(tmp_path: Path) -> None:
    _, errors = run(tmp_path, 2, KESTRA_STREAM_ENCRYPTION_KEY="")
    assert "set the environment variable KESTRA_STREAM_ENCRYPTION_KEY to base64 of 32 random bytes" in errors


def test_what_is_no_key_is_refused_at_once(tmp_path: Path) -> None:
    _, errors = run(tmp_path, 2, KESTRA_STREAM_ENCRYPTION_KEY="too short")
    assert "KESTRA_STREAM_ENCRYPTION_KEY: an encryption key must be base64 of 32 bytes" in errors
