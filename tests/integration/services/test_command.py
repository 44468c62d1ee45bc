"""`make kafka`: services for somebody who tries things out."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kestra_stream.settings.loading import load_settings
from tests.architecture.source_tree import ROOT
from tests.integration.services.records import read, write
from tests.services.broker import Broker
from tests.services.ports import Ports
from tests.services.s3 import S3


@pytest.fixture
def ports() -> Iterator[list[int]]:
    ports = Ports(2)
    yield ports.numbers
    ports.release()


@contextmanager
def running(ports: list[int], data: Path) -> Iterator[str]:
    """Run the command until it has told everything; end it as Ctrl-C does; give what it printed."""
    command = [
        sys.executable,
        "-m",
        "tests.services",
        "run",
        "--kafka-port",
        str(ports[0]),
        "--s3-port",
        str(ports[1]),
        "--data",
        str(data),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if line.startswith("Ctrl-C"):
                break
        assert process.poll() is None, told
        yield told
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_it_tells_where_everything_is_and_keeps_the_data(ports: list[int], tmp_path: Path) -> None:
    data = tmp_path / "data"
    broker = Broker({"bootstrap.servers": f"127.0.0.1:{ports[0]}"})
    with running(ports, data) as told:
        assert broker.bootstrap_servers in told
        assert f"-c {Path(told.partition(' -c ')[2].splitlines()[0])}" in told
        settings = load_settings(data / "kestra.yaml", {})
        assert settings.queue.type == "kafka"
        assert settings.kafka.client.properties == {"bootstrap.servers": broker.bootstrap_servers}
        minio = settings.storage.minio
        assert minio.access_key is not None
        assert minio.secret_key is not None
        s3 = S3(f"http://{minio.endpoint}:{minio.port}", minio.access_key.get_secret_value(), minio.secret_key.get_secret_value())
        assert s3.client().bucket_exists(str(minio.bucket))
        write(broker, broker.create_topic("words"), "a")
    with running(ports, data):
        assert read(broker, "words", 1) == ["a"]


def test_a_port_that_is_taken_is_named_with_the_remedy(kafka: Broker) -> None:
    port = kafka.bootstrap_servers.rpartition(":")[2]
    command = [sys.executable, "-m", "tests.services", "run", "--kafka-port", port]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert (
        ended.stderr == f"error: port {port} of this machine is taken: stop what listens there, or choose another one with --kafka-port\n"
    )
