"""An S3-compatible server of one's own (versitygw over a directory), and how tests reach it or another one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from uuid import uuid4

from minio import Minio
from minio.deleteobjects import DeleteObject

from tests.services import install
from tests.services.errors import ServiceError
from tests.services.places import Place, settled
from tests.services.ports import Ports, accepts
from tests.services.process import ServiceProcess, Startable

READY_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class S3:
    """How to reach an S3-compatible server, and what tests ask of it.

    Attributes:
        url: its address, as `http://127.0.0.1:9000`.
        access_key: id of the key of an administrator.
        secret_key: the key itself.
        region: the region that signatures name.
    """

    url: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    def client(self) -> Minio:
        """Return a new client."""
        parts = urlsplit(self.url)
        return Minio(
            parts.netloc, access_key=self.access_key, secret_key=self.secret_key, region=self.region, secure=parts.scheme == "https"
        )

    @contextmanager
    def bucket(self) -> Iterator[str]:
        """Make a bucket; it is removed afterwards, with what is in it."""
        client, name = self.client(), f"test-{uuid4().hex[:12]}"
        client.make_bucket(name)
        yield name
        stored = client.list_objects(name, recursive=True)
        refused = list(client.remove_objects(name, (DeleteObject(each.object_name) for each in stored if each.object_name)))
        if refused:
            raise ServiceError(f"the bucket {name} cannot be emptied: {refused[0]}")
        client.remove_bucket(name)


class S3Server(Startable):
    """A server with data in a directory of its own; it dies with the process that made this object, or with the `lifeline` that is given."""

    def __init__(self, *, place: Place | None = None, port: int | None = None, address: S3 | None = None) -> None:
        """Choose a port (or take the one that is given); the keys and the region are those of `address`."""
        self.place, self._lifeline = settled(place, "s3")
        self._ports = Ports(0 if port else 1)
        self._port = port or self._ports.numbers[0]
        chosen = address or S3("", f"key-{uuid4().hex[:8]}", uuid4().hex)
        self.address = S3(f"http://127.0.0.1:{self._port}", chosen.access_key, chosen.secret_key, chosen.region)
        data = self.place.directory / "s3"
        data.mkdir(exist_ok=True)
        options = ["--port", f"127.0.0.1:{self._port}", "--region", self.address.region, "--quiet"]
        keys = {"ROOT_ACCESS_KEY": self.address.access_key, "ROOT_SECRET_KEY": self.address.secret_key}
        command = [str(install.versitygw()), *options, "posix", *_where_attributes_go(data), str(data / "buckets")]
        self.process = ServiceProcess("s3", command, self.place, keys)

    def start(self) -> Self:
        """Start it and wait until it serves."""
        (self.process.data / "buckets").mkdir(exist_ok=True)
        self.process.start()
        self.process.ready(lambda: accepts(self._port), READY_WITHIN)
        return self

    def stop(self) -> None:
        """Let it shut down in good order (SIGTERM)."""
        self.process.stop()

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        self.process.kill()

    def restart(self) -> None:
        """Stop and start again, with the same port and data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections are taken by the system, and nobody answers."""
        self.process.pause()

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self.process.resume()

    def close(self) -> None:
        """Kill it and remove its data; the log stays for a while."""
        self.kill()
        self._lifeline.release()
        self._ports.release()
        self.process.remove_data()


def _where_attributes_go(data: Path) -> list[str]:
    """Return the options for a file system that cannot keep attributes of files: they then lie in files beside."""
    if not hasattr(os, "setxattr"):
        return []
    try:
        os.setxattr(data, "user.kestra-stream", b"kept")
    except OSError:
        (data / "attributes").mkdir(exist_ok=True)
        return ["--sidecar", str(data / "attributes")]
    return []
