"""Speed of the storage: bytes of large files and numbers of small ones, in a bucket of a server on this machine beside the local folder.

python -m benchmarks.storage [--dry]
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from pydantic import SecretStr

from benchmarks.report import Figure, run
from kestra_stream.settings import MinioSettings
from kestra_stream.storage.interface import Storage
from kestra_stream.storage.local import LocalStorage
from kestra_stream.storage.s3 import open_minio
from kestra_stream.testing.contracts.storage_at_scale import stream
from tests.services.s3 import S3Server

LARGE = 200_000_000
SMALL = b"x" * 1_000
MANY = 400
THREADS = 8
FOLDER = "kestra:///company/flow/"


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def drain(file: BinaryIO) -> int:
    """Read a stream to its end and close it."""
    with file:
        return sum(len(piece) for piece in iter(lambda: file.read(1 << 20), b""))


def small(work: Callable[[str], object], threads: int) -> float:
    """Return how many small files a second pass, by so many threads."""
    uris = [f"{FOLDER}{number}" for number in range(MANY)]
    with ThreadPoolExecutor(threads) as pool:
        return MANY / seconds(lambda: list(pool.map(work, uris)))


def figures_of(name: str, storage: Storage) -> list[Figure]:
    """Measure one storage."""
    uri = f"{FOLDER}large"
    put = LARGE / 1e6 / seconds(lambda: storage.put("main", uri, stream(LARGE)))
    get = LARGE / 1e6 / seconds(lambda: drain(storage.get("main", uri)))
    rates = [
        Figure(f"{name}: {verb} of 1 kB, files a second, {threads} thread{'s' if threads > 1 else ''}", small(work, threads))
        for threads in (1, THREADS)
        for verb, work in (
            ("put", lambda uri: storage.put("main", uri, SMALL)),
            ("get", lambda uri: drain(storage.get("main", uri))),
            ("attributes", lambda uri: storage.attributes("main", uri)),
        )
    ]
    listed = MANY / seconds(lambda: list(storage.list("main", FOLDER, recursive=True)))
    deleted = MANY / seconds(lambda: storage.delete("main", FOLDER))
    return [
        Figure(f"{name}: put of 200 MB, MB/s", put),
        Figure(f"{name}: get of 200 MB, MB/s", get),
        *rates,
        Figure(f"{name}: list, files a second", listed),
        Figure(f"{name}: delete of a folder, files a second", deleted),
    ]


def figures() -> list[Figure]:
    """Measure both."""
    with TemporaryDirectory() as folder, S3Server() as server:
        bucket = open_minio(
            MinioSettings(
                endpoint=server.address.url,
                bucket="benchmark",
                access_key=SecretStr(server.address.access_key),
                secret_key=SecretStr(server.address.secret_key),
            )
        )
        return [*figures_of("local", LocalStorage(Path(folder))), *figures_of("bucket", bucket)]


if __name__ == "__main__":
    run("storage", figures)
