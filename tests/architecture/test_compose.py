"""The compose file sets what the settings know, runs commands that there are, and the versions that the tests run."""

from pathlib import PurePosixPath
from typing import Any

import yaml
from typer.testing import CliRunner

from kestra_stream.cli.main import app
from kestra_stream.settings.loading import load_settings
from tests.architecture.source_tree import ROOT
from tests.services import install

SOUND_KAFKA = "4.2.1"
"""The last one without KAFKA-20734; the tests run on one that has it, so that what makes up for it is tried."""


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose" / "kafka.yml").read_text(encoding="utf-8"))["services"]
    return found


def components() -> dict[str, dict[str, Any]]:
    return {name: service for name, service in services().items() if "build" in service}


def test_the_settings_of_every_component_are_known_and_name_the_services() -> None:
    assert {"executor", "limiter", "worker"} <= set(components())
    for component in components().values():
        settings = load_settings(None, component["environment"])
        assert settings.queue.type == "kafka"
        broker, port = settings.kafka.client.properties["bootstrap.servers"].split(":")
        assert f"://{broker}:{port}" in services()[broker]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
        assert settings.storage.minio.endpoint in services()
        assert f"127.0.0.1:{settings.storage.minio.port}:9000" in services()["s3"]["ports"]


def test_what_a_component_waits_for_tells_whether_it_is_well() -> None:
    waited = {name for component in components().values() for name in component["depends_on"]}
    assert [name for name in waited if "test" not in services()[name]["healthcheck"]] == []


def test_the_commands_of_the_components_are_there() -> None:
    for component in components().values():
        words = [word for word in component["command"] if word.isalpha()]
        assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0, component["command"]


def test_the_versions_are_those_that_the_tests_run() -> None:
    kafka, s3 = (services()[name]["image"].rpartition(":")[2] for name in ("kafka", "s3"))
    assert kafka == SOUND_KAFKA or f"<version>{kafka}</version>" in install.POM.read_text(encoding="utf-8")
    assert s3 == install.VERSITYGW


def test_the_image_is_built_from_files_that_are_sent() -> None:
    """What `.dockerignore` leaves out cannot be copied."""
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")}
    lines = [line.split() for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()]
    copied = {
        PurePosixPath(word).as_posix() for line in lines if line[:1] == ["COPY"] and "--from=build" not in line for word in line[1:-1]
    }
    assert copied == sent
    assert [name for name in sent if not (ROOT / name).exists()] == []
