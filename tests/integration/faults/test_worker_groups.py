"""A worker group that loses its last worker while jobs wait in its line: each obeys the fallback that its task names."""

from pathlib import Path

from kestra_stream.models.state import S
from tests.integration.faults.engine_client import client_of
from tests.integration.faults.record import Chronicle
from tests.integration.faults.site import Site
from tests.services.broker import Broker

FLOWS = """
id: busy
tasks:
  - id: work
    type: io.kestra.plugin.core.flow.Sleep
    duration: "{{ taskrun.attemptsCount > 0 ? 'PT0.1S' : 'PT10M' }}"
    workerGroup: {key: gpu}
---
id: fails
tasks:
  - {id: work, type: io.kestra.plugin.scripts.shell.Commands, commands: [echo fails >> EFFECTS], workerGroup: {key: gpu, fallback: FAIL}}
---
id: cancels
tasks:
  - {id: work, type: io.kestra.plugin.scripts.shell.Commands, commands: [echo cancels >> EFFECTS], workerGroup: {key: gpu, fallback: CANCEL}}
---
id: waits
tasks:
  - {id: work, type: io.kestra.plugin.scripts.shell.Commands, commands: [echo waits >> EFFECTS], workerGroup: {key: gpu}}
"""


def test_jobs_that_wait_for_a_group_whose_last_worker_is_killed_obey_their_fallback(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    server = {"liveness": {"timeout": "6s", "heartbeat-interval": "500ms"}}
    with Site(tmp_path, kafka.client, server=server, kafka={"defaults": {"topic-prefix": prefix}}) as site:
        *_, worker = site.start("executor", "limiter", "worker -t 1 -g gpu")
        effects = tmp_path / "effects.txt"
        with client_of(site.config, FLOWS.replace("EFFECTS", str(effects))) as client:
            chronicle = Chronicle(client.log)
            (busy,) = client.create(["busy"])

            def state_of(execution_id: str) -> object:
                story = chronicle.stories.get(execution_id)
                runs = story.folded.listed() if story is not None else ()
                return runs[0].state.current if runs else None

            chronicle.until(lambda: state_of(busy) is S.RUNNING, "the only slot is used")
            fails, cancels, waits = client.create(["fails", "cancels", "waits"])
            chronicle.until(lambda: {state_of(fails), state_of(cancels), state_of(waits)} == {S.CREATED}, "jobs wait")
            worker.kill()
            chronicle.until(lambda: {fails, cancels} <= chronicle.finished, "the fallback is obeyed")
            assert (chronicle.stories[fails].state, chronicle.stories[cancels].state) == (S.FAILED, S.CANCELLED)
            assert state_of(waits) is S.CREATED
            site.start("worker -t 1 -g gpu")
            chronicle.until(lambda: {busy, waits} <= chronicle.finished, "a new worker does what waits")
            chronicle.catch_up()
            assert (chronicle.stories[busy].state, chronicle.stories[waits].state) == (S.SUCCESS, S.SUCCESS)
            chronicle.close()
        assert site.members[-1].end() == 0
        assert effects.read_text(encoding="utf-8").split() == ["waits"]
