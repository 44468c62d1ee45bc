"""Fixtures for tests on real services, and the hooks that let all workers of a test run share one broker."""

import gc
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import psutil
import pytest
from confluent_kafka import KafkaException

from tests.services.broker import Broker
from tests.services.errors import ServiceError
from tests.services.kafka import KafkaCluster
from tests.services.places import Lifeline, Place, locked, new_run
from tests.services.process import wait_until
from tests.services.s3 import S3, S3Server

KAFKA = "KESTRA_STREAM_TEST_KAFKA"
S3_URL = "KESTRA_STREAM_TEST_S3"
RUN = pytest.StashKey["Run"]()
ClusterMaker = Callable[..., KafkaCluster]
MANY_THREADS = 200
LEFT_THREADS = 100


class Worker(Protocol):
    """A worker process, as its controller knows it."""

    config: pytest.Config
    workerinput: dict[str, str]


class Run:
    """The services of one test run: started by the process that asks first, alive until the last process of the run has ended."""

    def __init__(self, directory: Path | None = None) -> None:
        """Hold the services of a run that another process has begun, or begin one when it is first needed."""
        self.begun = directory  # the directory that all processes of the run know, once there is one
        self._lifeline: Lifeline | None = None
        if directory is not None:
            self._lifeline = Lifeline(directory / "alive")

    @property
    def directory(self) -> Path:
        """Return the directory that all processes of the run know."""
        if self.begun is None:
            self._lifeline = new_run("tests")
            self.begun = self._lifeline.path.parent
        return self.begun

    @property
    def place(self) -> Place:
        """Return where shared services live: as long as any process of the run."""
        return Place(self.directory, self.directory / "alive")

    def shared(self, name: str, start: Callable[[], dict[str, str]]) -> dict[str, str]:
        """Return how to reach a service; the first one who asks starts it, all others wait until it is there."""
        address = self.directory / f"{name}.json"
        with locked(self.directory / f"{name}.lock"):
            if not address.exists():
                address.write_text(json.dumps(start()), encoding="utf-8")
        found: dict[str, str] = json.loads(address.read_text(encoding="utf-8"))
        return found

    def end(self) -> None:
        """Let go; the services end with the last process that does."""
        if self._lifeline is not None:
            self._lifeline.release()


def pytest_configure(config: pytest.Config) -> None:
    """Begin a run, or join that of the controller."""
    given = getattr(config, "workerinput", {}).get("services")
    config.stash[RUN] = Run(Path(given) if given else None)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Worker) -> None:
    """Tell a worker where the services of the run are."""
    node.workerinput["services"] = str(node.config.stash[RUN].directory)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of the services."""
    config.stash[RUN].end()


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Broker:
    """The broker that the whole test run shares: tests take topics and groups under names of their own (`prefix`)."""
    if os.environ.get(KAFKA):
        return given_kafka(os.environ)
    run = request.config.stash[RUN]
    return Broker(run.shared("kafka", lambda: dict(_started(run.place).client)))


def given_kafka(environment: Mapping[str, str], patience: float = 30) -> Broker:
    """Read how to reach a broker that runs already, and see that it does."""
    broker = Broker({"bootstrap.servers": environment[KAFKA]})
    try:
        broker.admin().list_topics(timeout=patience)
    except KafkaException as error:
        raise ServiceError(
            f"{KAFKA}={environment[KAFKA]}: no broker answers there ({error}). Start it, or leave the variable out."
        ) from None
    return broker


def _started(place: Place) -> Broker:
    return KafkaCluster(place=place).start().broker


@pytest.fixture
def prefix(kafka: Broker) -> Iterator[str]:
    """A beginning for the names of topics and groups that no other test has; the topics are deleted after the test."""
    prefix = f"test-{uuid4().hex[:12]}-"
    yield prefix
    kafka.delete_topics(kafka.topics(prefix))
    if _threads() > MANY_THREADS:
        _collect()


@pytest.fixture(scope="module", autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """No module of tests leaves clients behind: a process that has hundreds of them takes all processors, and runs out of files."""
    before, failed = _threads(), request.session.testsfailed
    yield
    _collect()
    if request.session.testsfailed == failed:  # the report of one that has failed holds what it had
        wait_until(lambda: _threads() <= before + LEFT_THREADS, 20, f"at most {before + LEFT_THREADS} threads are left")


@pytest.fixture
def kafka_cluster() -> Iterator[ClusterMaker]:
    """A maker of clusters that belong to one test alone, which may do to them what it likes: `kafka_cluster(brokers=3, properties={...})`."""
    made: list[KafkaCluster] = []

    def make(**parameters: object) -> KafkaCluster:
        made.append(KafkaCluster(**parameters))  # type: ignore[arg-type]  # the parameters of KafkaCluster, as they are
        return made[-1].start()

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture(scope="session")
def s3(request: pytest.FixtureRequest) -> S3:
    """The S3-compatible server that the whole test run shares: tests take buckets of their own (`bucket`)."""
    if os.environ.get(S3_URL):
        return given_s3(os.environ)
    run = request.config.stash[RUN]
    return S3(**run.shared("s3", lambda: asdict(S3Server(place=run.place).start().address)))


def given_s3(environment: Mapping[str, str]) -> S3:
    """Read how to reach a server that runs already."""
    try:
        keys = environment[f"{S3_URL}_ACCESS_KEY"], environment[f"{S3_URL}_SECRET_KEY"]
    except KeyError as missing:
        raise ServiceError(f"{S3_URL} is given without {missing}: give the keys of the server, or leave both out") from None
    return S3(environment[S3_URL], *keys, environment.get(f"{S3_URL}_REGION", "us-east-1"))


@pytest.fixture
def bucket(s3: S3) -> Iterator[str]:
    """A bucket that no other test has; it is removed after the test."""
    with s3.bucket() as name:
        yield name


@pytest.fixture
def s3_server() -> Iterator[S3Server]:
    """A server that belongs to one test alone, which may do to it what it likes."""
    with S3Server() as server:
        yield server


def _collect() -> None:
    """Free members that were "killed": they are not closed, and lie in cycles; a command that ran in this process has put those aside."""
    gc.unfreeze()
    gc.collect()


def _threads() -> int:
    return psutil.Process().num_threads()
