"""An engine of separate processes with its files in a bucket: what is big passes a broker that takes messages of a megabyte, byte for byte."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from kestra_stream.models.state import S
from kestra_stream.runtime.claim_check import SPILLED, ClaimCheck
from kestra_stream.storage.s3 import open_minio
from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.histories import Histories, History, histories
from tests.integration.faults.site import Member, Site
from tests.integration.storage.settings import minio_settings, storage_section
from tests.services.broker import Broker
from tests.services.s3 import S3

MEGA = 1_000_000
FILE = 200 * MEGA
PIECES, PIECE = 22, 9 * MEGA
FLOWS = f"""
id: file
tasks:
  - id: make
    type: io.kestra.plugin.scripts.shell.Commands
    outputFiles: [big.bin]
    commands: ["head -c {FILE} /dev/urandom | tee big.bin | sha256sum | sed 's/\\\\(.*\\\\)  -/::{{\\"outputs\\": {{\\"sum\\": \\"\\\\1\\"}}}}::/'"]
  - id: read
    type: io.kestra.plugin.scripts.shell.Commands
    inputFiles: {{came.bin: "{{{{ outputs.make.outputFiles['big.bin'] }}}}"}}
    commands: ["sha256sum came.bin | sed 's/\\\\(.*\\\\)  came.bin/::{{\\"outputs\\": {{\\"sum\\": \\"\\\\1\\"}}}}::/'"]
---
id: value
tasks:
  - id: make
    type: io.kestra.plugin.scripts.shell.Commands
    outputFiles: [sum]
    commands:
      - for n in $(seq {PIECES}); do head -c {PIECE * 3 // 4} /dev/urandom | base64 -w0 > piece; cat piece >> all; printf '::{{"outputs":{{"p%s":"' $n; cat piece; echo '"}}}}::'; done
      - sha256sum all > sum
  - {{id: read, type: io.kestra.plugin.core.debug.Return, format: "{{{{ outputs.make.vars.p1 | length }}}} {{{{ outputs.make.vars.p{PIECES} | length }}}}"}}
"""


@pytest.fixture
def site(kafka: Broker, prefix: str, s3: S3, bucket: str, tmp_path: Path) -> Iterator[Site]:
    """An executor, a limiter and a worker."""
    names = {"defaults": {"topic-prefix": prefix}}
    with Site(tmp_path, kafka.client, kafka=names, storage=storage_section(s3, bucket), worker={"most-output-bytes": FILE}) as site:
        site.start("executor", "limiter", "worker -t 2")
        yield site


def run(client: EngineClient, known: Histories, flow: str) -> History:
    """Run a flow to its good end."""
    ids = client.create([flow])
    known.wait(ids, seconds=400)
    known.judge(ids, "SUCCESS", {"make": "SUCCESS", "read": "SUCCESS"})
    return known.known[ids[0]]


def outputs(history: History, task: str) -> dict[str, Any]:
    (found,) = [run for run in history.runs.values() if run.task_id == task]
    assert found.state.current is S.SUCCESS
    return dict(found.outputs or {})


def most_memory(member: Member) -> int:
    """Return the most memory that a process has ever held, in MB."""
    status = Path(f"/proc/{member.pid}/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1000


@pytest.mark.timeout(900)
def test_what_is_as_big_as_may_be_passes_byte_for_byte(site: Site, s3: S3, bucket: str) -> None:
    """First a file of 200 MB, which nobody holds in memory; then a value of almost 200 MB, which only the worker holds."""
    storage = open_minio(minio_settings(s3, bucket))
    with client_of(site.config, FLOWS) as client, histories(client.log) as known:
        before = [most_memory(member) for member in site.members]
        history = run(client, known, "file")
        made, read = outputs(history, "make"), outputs(history, "read")
        assert made["vars"] == read["vars"]
        uri = made["outputFiles"]["big.bin"]
        with storage.get("main", uri) as file:
            assert {"sum": sha256(file)} == made["vars"]
        grown = [most_memory(member) - least for member, least in zip(site.members, before, strict=True)]
        assert max(grown) < 150, grown

        history = run(client, known, "value")
        made = outputs(history, "make")
        assert made["vars"][SPILLED].startswith("kestra:///tests/faults/value/executions/")
        assert made["vars"]["size"] > PIECES * PIECE
        pieces = ClaimCheck(storage).fetch("main", made["vars"])
        with storage.get("main", made["outputFiles"]["sum"]) as file:
            total = hashlib.sha256("".join(pieces[f"p{n}"] for n in range(1, PIECES + 1)).encode()).hexdigest()
            assert file.read().decode().split()[0] == total
        assert outputs(history, "read") == {"value": f"{PIECE} {PIECE}"}
        grown = [most_memory(member) - least for member, least in zip(site.members[:2], before, strict=False)]
        assert max(grown) < 150, grown
    site.check()
    storage.close()


def sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(MEGA):
        digest.update(piece)
    return digest.hexdigest()
