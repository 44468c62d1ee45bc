"""A process ends when it is told to, whatever its threads are doing with the client library."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.broker import Broker

ROOT = Path(__file__).parents[3]
PATIENCE = 60


@pytest.mark.parametrize("kind", ["reader", "member"])
def test_a_process_ends_while_a_thread_of_it_polls(kafka: Broker, prefix: str, kind: str) -> None:
    command = [sys.executable, "-m", "tests.integration.queue.leaving", json.dumps(dict(kafka.client)), prefix, kind]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 - ourselves
    assert (ended.returncode, ended.stdout) == (0, "seen\n"), ended.stderr
