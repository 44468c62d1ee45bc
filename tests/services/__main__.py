"""`python -m tests.services install` and `run`: real services for somebody who tries things out.

`run` starts Kafka and an S3-compatible server, writes a configuration file that names them, and stops them at Ctrl-C. Their data stays.
"""

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from tests.services import install
from tests.services.errors import ServiceError
from tests.services.kafka import KafkaCluster, fast_jvm
from tests.services.places import HOME, Place
from tests.services.ports import is_free
from tests.services.s3 import S3, S3Server

BUCKET = "kestra"
KEYS = S3("", "kestra-stream", "kestra-stream-secret")
CONFIGURATION = """\
kestra:
  queue:
    type: kafka
  kafka:
    client:
      properties:
        bootstrap.servers: {bootstrap_servers}
  storage:
    type: minio
    minio:
      endpoint: 127.0.0.1
      port: {port}
      secure: false
      access-key: {access_key}
      secret-key: {secret_key}
      bucket: {bucket}
"""

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command(name="install")
def install_all() -> None:
    """Install what is missing."""
    fast_jvm()
    install.versitygw()


@app.command()
def run(
    kafka_port: Annotated[int, typer.Option(help="Where the broker listens.")] = 9092,
    s3_port: Annotated[int, typer.Option(help="Where the S3-compatible server listens.")] = 9000,
    data: Annotated[Path, typer.Option(help="Directory of the data and the logs; what is there is used again.")] = HOME / "data",
) -> None:
    """Start Kafka and an S3-compatible server, and stop them at Ctrl-C; the data stays."""
    for port, option in ((kafka_port, "--kafka-port"), (s3_port, "--s3-port")):
        if not is_free(port):
            raise ServiceError(f"port {port} of this machine is taken: stop what listens there, or choose another one with {option}")
    told = _at_a_signal()
    data.mkdir(parents=True, exist_ok=True)
    place = Place(data.resolve(), data.resolve() / "alive", is_kept=True)
    kafka, s3 = KafkaCluster(place=place, port=kafka_port), S3Server(place=place, port=s3_port, address=KEYS)
    try:
        kafka.start()
        s3.start()
        _tell(kafka, s3, s3_port, data)
        while not told.wait(1):
            for process in (*kafka.processes, s3.process):
                process.check()
    finally:
        kafka.stop()
        s3.stop()


def _tell(kafka: KafkaCluster, s3: S3Server, s3_port: int, data: Path) -> None:
    """Make the bucket, write the configuration file, and say where everything is."""
    client = s3.address.client()
    if not client.bucket_exists(BUCKET):
        client.make_bucket(BUCKET)
    keys = {"access_key": KEYS.access_key, "secret_key": KEYS.secret_key}
    text = CONFIGURATION.format(bootstrap_servers=kafka.bootstrap_servers, port=s3_port, bucket=BUCKET, **keys)
    file = data / "kestra.yaml"
    file.write_text(text, encoding="utf-8")
    shown = _shown(data)
    typer.echo(f"Kafka  {kafka.bootstrap_servers}\nS3     {s3.address.url}\nlogs   {shown}/*.log\n\n{shown / file.name} holds:\n\n{text}")
    command = _shown(Path(sys.executable)).with_name("kestra-stream")
    typer.echo(f"In another terminal:  {command} server standalone -c {shown / file.name}\nCtrl-C stops both; their data stays.")


def _shown(path: Path) -> Path:
    """Return a path as somebody who is here would write it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _at_a_signal() -> threading.Event:
    """Return an event that is set when somebody wants this process to end."""
    event = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: event.set())
    return event


def main() -> None:
    """Run; what goes wrong is one message."""
    try:
        app()
    except ServiceError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
