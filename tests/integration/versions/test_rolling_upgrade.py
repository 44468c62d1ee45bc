"""Two releases at once, in separate processes: what only the newer one writes disturbs nobody, and waits for whoever can read it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kestra_stream.models.state import S
from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.fleet import COMMAND, Fleet, fleet_of
from tests.integration.faults.leftovers import nothing_is_left
from tests.integration.faults.record import Chronicle
from tests.integration.faults.workload import ENDINGS, FLOWS, STARTED
from tests.services.broker import Broker
from tests.services.process import wait_until

ROOT = str(Path(__file__).parents[3])
SOON = {
    "KESTRA_SERVER_LIVENESS_TIMEOUT": "6s",
    "KESTRA_SERVER_LIVENESS_HEARTBEAT_INTERVAL": "500ms",
    "KESTRA_SERVER_TERMINATION_GRACE_PERIOD": "2s",
}
OLD = (COMMAND,)
NEW = (sys.executable, "-m", "tests.integration.versions.newer", "-")
RESULTS = (sys.executable, "-m", "tests.integration.versions.newer", "task_run_ended")
LINE = """
id: line
tasks:
  - {id: first, type: io.kestra.plugin.core.debug.Return, format: "{{ execution.id }}"}
  - {id: last, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.first.value }}"}
"""


def replace_all(fleet: Fleet, command: tuple[str, ...], component: str = "") -> None:
    """Replace processes one by one: each ends in good order, and the next one is ready before the following ends."""
    fleet.command = command
    for member in [member for member in fleet.members if component in {"", member.component}]:
        fleet.end(member)
        fleet.wait_ready(fleet.start(member.component))


def answer(client: EngineClient, chronicle: Chronicle, told: set[tuple[str, str]]) -> None:
    """Send executions what they wait for, once."""
    for key, story in list(chronicle.stories.items()):
        head = story.folded.head
        wanted = None if head is None else ENDINGS[head.flow_id].asks.get(head.state.current)
        if head is not None and wanted is not None and (key, head.state.current) not in told:
            told.add((key, head.state.current))
            client.tell(key, wanted)


@pytest.mark.timeout(600)
def test_an_upgrade_and_its_way_back_while_executions_run(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """The newer release writes fields, on every topic and in all state, that the older one does not know; side by side, each reads the other."""
    with fleet_of(kafka, prefix, tmp_path, PYTHONPATH=ROOT, **SOON) as fleet:
        fleet.started("executor", "limiter", "worker")
        fleet.command = NEW
        fleet.started("executor", "limiter", "worker")
        with client_of(fleet.config, FLOWS) as client:
            chronicle = Chronicle(client.log)
            told: set[tuple[str, str]] = set()
            created: set[str] = set()

            def is_over() -> bool:
                answer(client, chronicle, told)
                return created <= chronicle.finished and len(chronicle.finished) == len(chronicle.stories)

            def create_some() -> None:
                created.update(client.create(STARTED))
                chronicle.until(lambda: len(created & chronicle.finished) > len(created) // 4, "work flows")

            create_some()
            replace_all(fleet, NEW)
            create_some()
            replace_all(fleet, OLD)
            create_some()
            chronicle.until(is_over, "all have ended", 300)
            chronicle.catch_up()
            assert list(chronicle.faults()) == []
            nothing_is_left(fleet, kafka, prefix)
            chronicle.close()


@pytest.mark.timeout(400)
def test_results_of_a_newer_schema_wait_in_the_dead_letters_until_the_executors_can_read_them(
    kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    """The workers were upgraded first. Redriven too early the results come back; redriven when all are new, each counts once."""
    with fleet_of(kafka, prefix, tmp_path, PYTHONPATH=ROOT, **SOON) as fleet:
        fleet.started("executor", "executor", "limiter")
        fleet.command = RESULTS
        fleet.started("worker")
        with client_of(fleet.config, LINE) as client:
            chronicle = Chronicle(client.log)
            created = set(client.create(["line"] * 10))
            wait_until(lambda: len(letters(fleet)) == len(created), 60, "the results lie in the dead letters")
            assert all("newer version of kestra_stream (schema 2; this process reads 1)" in letter["error"] for letter in letters(fleet))
            redrive(fleet)
            wait_until(lambda: len(letters(fleet)) == len(created), 60, "they come back")
            replace_all(fleet, RESULTS, "executor")
            chronicle.catch_up()
            assert not chronicle.finished
            redrive(fleet)
            chronicle.until(lambda: created <= chronicle.finished, "all end")
            for key in created:
                story = chronicle.stories[key]
                assert story.sequences == list(range(1, len(story.sequences) + 1))
                assert story.state is S.SUCCESS
                assert [[attempt.state.current for attempt in run.attempts] for run in story.folded.listed()] == [[S.SUCCESS]] * 2
            assert letters(fleet) == []
            chronicle.close()


def command(fleet: Fleet, *arguments: str) -> str:
    """Run a command of this release; return what it prints."""
    done = subprocess.run(  # noqa: S603 - the product
        [COMMAND, *arguments, "-c", str(fleet.config)], capture_output=True, text=True, timeout=100, check=True
    )
    return done.stdout


def letters(fleet: Fleet) -> list[dict[str, str]]:
    """Return the letters that are open."""
    found: list[dict[str, str]] = json.loads(command(fleet, "dead-letter", "list", "--state", "open", "-o", "json"))
    return found


def redrive(fleet: Fleet) -> None:
    """Put all back that was too new."""
    command(fleet, "dead-letter", "redrive", "all", "--error", "newer version")
