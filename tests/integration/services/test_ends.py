"""However a process ends that has started services, nothing of them is left."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.architecture.source_tree import ROOT
from tests.services.errors import ServiceError
from tests.services.fixtures import Run
from tests.services.places import Lifeline, Place, is_held
from tests.services.process import ServiceProcess, wait_until

STARTER = """
import sys, time
from pathlib import Path
from tests.services.kafka import KafkaCluster
from tests.services.places import Place
from tests.services.s3 import S3Server

place = Place(Path(sys.argv[1]), Path(sys.argv[1]) / "alive")
kafka, s3 = KafkaCluster(place=place).start(), S3Server(place=place).start()
print(kafka.processes[0].id, s3.process.id, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, tmp_path / "alive")


@pytest.fixture
def starter(place: Place) -> Iterator["subprocess.Popen[str]"]:
    """A process that starts Kafka and S3, prints their ids, and ends with its input."""
    command = [sys.executable, "-c", STARTER, str(place.directory)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        yield process


def services_of(starter: "subprocess.Popen[str]") -> list[psutil.Process]:
    assert starter.stdout is not None
    return [psutil.Process(int(number)) for number in starter.stdout.readline().split()]


def are_gone(services: list[psutil.Process], place: Place) -> bool:
    return not any(service.is_running() for service in services) and not any(path.is_dir() for path in place.directory.iterdir())


def test_the_services_of_a_killed_process_end_and_their_data_goes(starter: "subprocess.Popen[str]", place: Place) -> None:
    services = services_of(starter)
    assert [service.is_running() for service in services] == [True, True]
    starter.kill()
    wait_until(lambda: are_gone(services, place), 30, "nothing is left")
    assert sorted(path.name for path in place.directory.glob("*.log")) == ["kafka-1.log", "s3.log"]


def test_the_services_live_as_long_as_anybody_holds_their_lifeline(starter: "subprocess.Popen[str]", place: Place) -> None:
    services = services_of(starter)
    with Lifeline(place.lifeline):
        starter.kill()
        starter.wait()
        assert is_held(place.lifeline)
        with pytest.raises(psutil.TimeoutExpired):
            services[0].wait(0.5)
    wait_until(lambda: are_gone(services, place), 30, "nothing is left")


def test_data_that_is_kept_outlives_the_process(tmp_path: Path) -> None:
    place = Place(tmp_path, tmp_path / "alive", is_kept=True)
    lifeline = Lifeline(place.lifeline)
    service = ServiceProcess("sleeper", ["sleep", "1000"], place)
    service.data.mkdir()
    service.start()
    lifeline.release()
    wait_until(lambda: not service.is_alive, 30, "the service ends")
    assert service.data.is_dir()


def test_a_program_that_is_not_there_is_told(place: Place) -> None:
    with pytest.raises(ServiceError, match=r"x does not start(?s:.)*No such file or directory: '/no/such/program'"):
        ServiceProcess("x", ["/no/such/program"], place).start()


def test_a_run_that_has_asked_for_nothing_has_no_directory() -> None:
    run = Run()
    run.end()
    assert run.begun is None


def test_the_processes_of_a_run_start_a_service_once() -> None:
    first = Run()
    second = Run(first.directory)
    asked: list[str] = []

    def start(name: str) -> dict[str, str]:
        asked.append(name)
        return {"url": name}

    assert first.shared("thing", lambda: start("first")) == {"url": "first"}
    assert second.shared("thing", lambda: start("second")) == {"url": "first"}
    assert asked == ["first"]
    first.end()
    assert is_held(first.place.lifeline)
    second.end()
    assert not is_held(first.place.lifeline)
