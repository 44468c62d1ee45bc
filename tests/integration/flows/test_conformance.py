"""The conformance set on Kafka: every story as on memory, all of them at once on one engine, but for what needs a repository."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from kestra_stream.queue.kafka.encoding import Encoding
from kestra_stream.settings import load_settings
from kestra_stream.testing.workers import ENCRYPTION_KEY
from tests.flows.performance import FLOWS, NAMES, expectation, perform
from tests.integration.flows.kafka_stage import KafkaEngine, KafkaStage, settings_of
from tests.services.broker import Broker
from tests.unit.plugin.core.server import serving

NEED_A_REPOSITORY = (
    "errors/error_logs",
    "plugins/count",
    "plugins/log_fetch_and_purge",
    "plugins/purge_executions",
    "plugins/resume_of_another_execution",
)
NO_REPOSITORY = "the Kafka family has no repository yet"
pytestmark = pytest.mark.timeout(600)


def test_every_story_goes_on_kafka_as_on_memory(kafka: Broker, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KESTRA_")]:
        monkeypatch.delenv(name)  # the file alone counts here
    monkeypatch.setenv("SECRET_TOKEN", "b3Blbi1zZXNhbWU=")
    monkeypatch.setenv("ENV_PLANET", "earth")
    config = tmp_path / "settings.yaml"
    config.write_text(yaml.safe_dump({"kestra": settings_of(kafka.client, prefix, tmp_path, ENCRYPTION_KEY)}), encoding="utf-8")
    engine = KafkaEngine(load_settings(config, {}))
    read = Encoding.record
    # the broker stamps records by its own clock; here that is the one of the test, too
    monkeypatch.setattr(Encoding, "record", lambda *given: replace(read(*given), timestamp=engine.clock.now()))
    engine.start()
    with serving() as server:
        try:
            found = play_all(engine, tmp_path, server.url)
        finally:
            engine.stop()
    assert not any(found.values()), "\n".join(f"{name}: {why}" for name, why in found.items() if why)


def play_all(engine: KafkaEngine, folder: Path, server: str) -> dict[str, str]:
    """Play all stories; return what is not as expected, by name."""
    stories = dict(zip(NAMES, FLOWS, strict=True))

    def play(name: str) -> str:
        tenant = "main" if "tenantId" in stories[name].read_text(encoding="utf-8") else name.replace("/", "-").replace("_", "-")
        with engine.conductor.playing(name):
            stage = KafkaStage(engine, stories[name], folder / tenant, tenant, name)
            try:
                perform(stage, expectation(stories[name]), server)
            except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - all stories are told of
                return "" if name in NEED_A_REPOSITORY and says_so(stage) else f"{type(error).__name__}: {error}"
        return f"it must say: {NO_REPOSITORY}" if name in NEED_A_REPOSITORY else ""

    engine.conductor.expect(stories)
    with ThreadPoolExecutor(len(stories)) as pool:
        results = [pool.submit(play, name) for name in stories]
        engine.conductor.run()
        return {name: result.result() for name, result in zip(stories, results, strict=True)}


def says_so(stage: KafkaStage) -> bool:
    """Whether something failed because there is no repository."""
    return any(NO_REPOSITORY in line for head in stage.heads() for line in stage.story_of(head.id).messages)
