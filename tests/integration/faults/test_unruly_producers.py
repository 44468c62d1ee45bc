"""Records of every topic that come twice, swapped and late, from every process: each execution ends as its flow dictates, counted once."""

import os
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.integration.faults.engine_client import client_of
from tests.integration.faults.fleet import fleet_of
from tests.integration.faults.leftovers import nothing_is_left
from tests.integration.faults.record import Chronicle
from tests.integration.faults.workload import ENDINGS, FLOWS, STARTED
from tests.services.broker import Broker

SEED = int(os.environ.get("KESTRA_STREAM_TEST_SEED", "0")) or time.time_ns() % 100_000
EACH = 3
SOON = {"KESTRA_SERVER_LIVENESS_TIMEOUT": "6s", "KESTRA_SERVER_LIVENESS_HEARTBEAT_INTERVAL": "500ms"}
MEMBERS = ("executor", "executor", "limiter", "worker", "worker")


@pytest.mark.timeout(500)
@pytest.mark.parametrize("ways", ["twice", "swapped", "late", "twice+swapped+late"])
def test_each_execution_ends_as_its_flow_dictates(kafka: Broker, prefix: str, tmp_path: Path, ways: str) -> None:
    print(f"seed {SEED}")  # noqa: T201 - a failure must be seen again
    random = Random(SEED)  # noqa: S311 - a test
    with fleet_of(kafka, prefix, tmp_path, PYTHONPATH=str(Path(__file__).parents[3]), **SOON) as fleet:
        fleet.command = (sys.executable, "-m", "tests.integration.faults.unruly", str(SEED), ways)
        fleet.started(*MEMBERS)
        with client_of(fleet.config, FLOWS) as client:
            chronicle = Chronicle(client.log)
            flows = [flow for flow in STARTED for _ in range(EACH)]
            random.shuffle(flows)
            created = set(client.create(flows))
            told: set[tuple[str, str]] = set()

            def is_over() -> bool:
                for key, story in chronicle.stories.items():
                    head = story.folded.head
                    wanted = None if head is None else ENDINGS[head.flow_id].asks.get(head.state.current)
                    if head is not None and wanted is not None and (key, head.state.current) not in told:
                        told.add((key, head.state.current))
                        client.tell(key, wanted)
                        client.tell(key, wanted)
                return created <= chronicle.finished and len(chronicle.finished) == len(chronicle.stories)

            chronicle.until(is_over, "all have ended", 300)
            nothing_is_left(fleet, kafka, prefix)
            chronicle.catch_up()
            for story in chronicle.stories.values():
                story.sequences = sorted(set(story.sequences))
            assert list(chronicle.faults()) == []
            chronicle.close()
