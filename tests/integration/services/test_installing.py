"""Installing: once, whole or not at all, with a clear word where something is missing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.services import install
from tests.services.errors import ServiceError


def test_many_that_ask_at_once_install_once(tmp_path: Path) -> None:
    installed, everybody = [], threading.Barrier(4)

    def fill(target: Path) -> None:
        installed.append(target)
        (target / "part").touch()

    def ask(_: int) -> Path:
        everybody.wait()
        return install.installed("thing-1", fill, tmp_path)

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(ask, range(4)))
    assert found == {tmp_path / "thing-1"}
    assert (tmp_path / "thing-1" / "part").exists()
    assert len(installed) == 1


def test_what_was_not_finished_is_not_there_and_is_begun_again(tmp_path: Path) -> None:
    def fail(target: Path) -> None:
        (target / "half").touch()
        raise ServiceError("the network is away")

    with pytest.raises(ServiceError):
        install.installed("thing-1", fail, tmp_path)
    assert not (tmp_path / "thing-1").exists()
    install.installed("thing-1", lambda target: (target / "whole").touch(), tmp_path)
    assert [path.name for path in (tmp_path / "thing-1").iterdir()] == ["whole"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thing-1", "thing-1.lock"]


def test_a_missing_program_is_named_with_what_to_install() -> None:
    with pytest.raises(ServiceError, match=r"`no-such-program` is not there\. Install it from somewhere, or use another one\."):
        install.tool("no-such-program", "it from somewhere", "or use another one")


def test_a_command_that_fails_shows_what_it_said() -> None:
    with pytest.raises(ServiceError, match=r"failed with 3:\nout\nerr"):
        install.run(["sh", "-c", "echo out; echo err >&2; exit 3"])


@pytest.mark.parametrize("says", ['openjdk version "11.0.2" 2019-01-15', 'java version "1.8.0_401"', "command not found"])
def test_a_java_that_is_too_old_is_named_with_what_to_install(says: str, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho '{says}' >&2\n", encoding="utf-8")
    java.chmod(0o755)
    with pytest.raises(
        ServiceError, match=r"bin/java is too old or no Java at all .*Install a Java of 17 or newer .*, or name a broker that runs already"
    ):
        install.find_java(str(tmp_path))


def test_a_java_home_without_a_java_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"bin/java is too old or no Java at all \(.*No such file or directory"):
        install.find_java(str(tmp_path))
