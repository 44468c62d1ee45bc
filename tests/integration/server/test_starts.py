"""Servers that start while their broker comes and goes."""

from pathlib import Path
from threading import Thread

import pytest

from kestra_stream.assembly.backend import clock_of, open_backend
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.assembly.server import Component, Server
from kestra_stream.assembly.starting import learn, prepare
from kestra_stream.settings import load_settings
from tests.integration.server.test_server import variables
from tests.services.kafka import KafkaCluster
from tests.unit.assembly.polling import until


def test_a_broker_that_goes_away_again_while_a_server_starts_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with KafkaCluster() as cluster:
        settings = load_settings(None, variables(cluster.broker, "again_", tmp_path))
        clock = clock_of(settings)
        prepare(settings, clock)
        backend = open_backend(settings, clock)
        cluster.kill()

        def come_back() -> None:
            until(lambda: "it is waited for" in caplog.text)
            cluster.start()

        returning = Thread(target=come_back)
        returning.start()
        learn(backend, settings, clock, lambda: False)
        returning.join()
        server = Server(Component.EXECUTOR, Equipment(settings, backend, clock))
        server.announce()
        server.stop()
