"""Commands for executions on a log, and their answers: the engine is far away, the client has a follower and no repository."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import orjson
import pytest

from kestra_stream.assembly.standalone import Standalone
from kestra_stream.cli.engine.client import Client, FollowedExecutions
from kestra_stream.cli.engine.embedded import client_of
from kestra_stream.cli.execution import orders
from kestra_stream.cli.execution.following import Wish, follow, start
from kestra_stream.cli.execution.told import tell_answer, tell_history
from kestra_stream.cli.exit_codes import FAILED, OK, TIMEOUT
from kestra_stream.cli.follow.follower import Follower
from kestra_stream.cli.session import Terms
from kestra_stream.errors import IllegalTransition, Invalid, NotFound
from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.state import S, State
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.settings import LocalStorageSettings, Settings, StorageSettings
from kestra_stream.topics import EXECUTION_EVENT
from kestra_stream.webserver.services import ExecutionService

PATIENCE = 30.0
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAUSE = """
id: waits
namespace: tests.orders
tasks:
  - id: stop
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - id: answer
        type: INT
  - id: out
    type: io.kestra.plugin.core.output.OutputValues
    values: {answer: "{{ outputs.stop.onResume.answer }}"}
"""
FAILS = """
id: fails
namespace: tests.orders
inputs:
  - id: good
    type: BOOLEAN
    defaults: false
tasks:
  - id: first
    type: io.kestra.plugin.core.log.Log
    message: first
  - id: second
    type: io.kestra.plugin.core.execution.Fail
    runIf: "{{ not inputs.good }}"
"""
QUICK = """
id: quick
namespace: tests.orders
tasks:
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: quick
"""
LONG = """
id: long
namespace: tests.orders
tasks:
  - id: sleep
    type: io.kestra.plugin.core.flow.Sleep
    duration: PT5M
"""


class Place:
    """An engine, and as many clients of its log as are wanted."""

    def __init__(self, folder: Path) -> None:
        self.engine = Standalone(Settings(storage=StorageSettings(local=LocalStorageSettings(base_path=folder))))
        self.engine.start()
        self.followers: list[Follower] = []

    def client(self) -> Client:
        self.followers.append(Follower(self.engine.backend.log, keeps=True))
        return client_of(self.engine, self.followers[-1])

    def started(self, text: str, *states: S) -> str:
        """Start a flow; return the execution's id once it has one of these states."""
        client = self.client()
        parsed = parse_flow(text)
        saved = client.flows.save(FlowSource(parsed.tenant_id, parsed.namespace, parsed.id, 0, text, {}))
        flow = client.door.flow(saved.tenant_id, saved.namespace, saved.id, saved.revision)
        assert flow is not None
        head = client.executions.create(flow)
        self.wait(client, head.id, *states)
        return head.id

    def wait(self, client: Client, execution_id: str, *states: S) -> None:
        client.follower.follow(execution_id)
        deadline = monotonic() + PATIENCE
        while (known := client.follower.executions.get(execution_id)) is None or known.head.state.current not in states:
            assert monotonic() < deadline, known and known.head.state
            client.follower.poll(0.1)

    def close(self) -> None:
        for follower in self.followers:
            follower.close()
        self.engine.stop(0.0)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.close()


def test_an_id_that_the_log_does_not_know_is_not_found(place: Place) -> None:
    for order in (orders.kill, orders.pause, orders.force_run):
        with pytest.raises(NotFound, match="the log knows no execution nobody"):
            order(place.client(), "nobody", PATIENCE)


def test_a_kill_is_answered_by_the_executor_and_one_of_an_ended_execution_is_illegal(place: Place) -> None:
    execution_id = place.started(LONG, S.RUNNING)
    answer = orders.kill(place.client(), execution_id, PATIENCE)
    assert answer.is_done
    assert answer.head.state.current in {S.KILLING, S.KILLED}
    client = place.client()
    orders.reach(client, execution_id)
    place.wait(client, execution_id, S.KILLED)
    with pytest.raises(IllegalTransition, match="has ended as KILLED"):
        orders.kill(place.client(), execution_id, PATIENCE)


def test_a_pause_holds_what_runs_and_a_resume_lets_it_go_on(place: Place) -> None:
    execution_id = place.started(LONG, S.RUNNING)
    assert orders.pause(place.client(), execution_id, PATIENCE).head.state.current is S.PAUSED
    with pytest.raises(IllegalTransition, match="is PAUSED: only one that runs"):
        orders.pause(place.client(), execution_id, PATIENCE)
    assert orders.resume(place.client(), execution_id, PATIENCE).head.state.current is S.RUNNING
    with pytest.raises(IllegalTransition, match="is RUNNING, not PAUSED"):
        orders.resume(place.client(), execution_id, PATIENCE)
    with pytest.raises(IllegalTransition, match="only one that is created, queued or paused"):
        orders.force_run(place.client(), execution_id, PATIENCE)


def test_a_resume_brings_the_typed_values_that_the_pause_asks_for(place: Place) -> None:
    execution_id = place.started(PAUSE, S.PAUSED)
    with pytest.raises(Invalid, match="answer"):
        orders.resume(place.client(), execution_id, PATIENCE, ["answer=many"])
    client = place.client()
    assert orders.resume(client, execution_id, PATIENCE, ["answer=42"]).is_done
    place.wait(client, execution_id, S.SUCCESS)
    (run,) = [run for run in client.follower.executions[execution_id].folded.listed() if run.task_id == "out"]
    assert run.outputs == {"values": {"answer": 42}}


def test_a_restart_goes_on_from_what_failed_and_is_refused_where_nothing_has(place: Place) -> None:
    execution_id = place.started(FAILS, S.FAILED)
    answer = orders.restart(place.client(), execution_id, PATIENCE)
    assert (answer.is_done, answer.head.id, answer.head.attempt_number) == (True, execution_id, 2)
    again = orders.restart(place.client(), place.started(QUICK, S.SUCCESS), PATIENCE)
    assert (again.is_done, again.refusal) == (False, "there is no failed task run to restart from")


def test_a_replay_and_a_restart_of_another_revision_are_new_executions(place: Place) -> None:
    execution_id = place.started(FAILS, S.FAILED)
    client = place.client()
    replayed = orders.replay(client, execution_id, PATIENCE)
    assert (replayed.is_done, replayed.head.id != execution_id, replayed.head.parent_id) == (True, True, execution_id)
    run_id = next(run.id for run in client.follower.executions[execution_id].folded.listed() if run.task_id == "second")
    assert orders.replay(place.client(), execution_id, PATIENCE, run_id).is_done
    refused = orders.replay(place.client(), execution_id, PATIENCE, "no run")
    assert refused.refusal == "the task run `no run` can not be replayed from"
    place.started(FAILS + "# another revision", S.FAILED)
    other = orders.restart(place.client(), execution_id, PATIENCE, 2)
    assert (other.is_done, other.head.flow_revision, other.head.parent_id) == (True, 2, execution_id)


def test_where_nobody_answers_the_wait_has_an_end(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    head = Execution("lonely", "a.b", "flow", 1, State.created(NOW).to(S.RUNNING, NOW))
    log = MemoryLog(SystemClock().now)
    log.send([Outgoing(EXECUTION_EVENT, head.id, ExecutionEvent(head.id, 1, head))])
    follower = Follower(log)
    door = replace(place.engine.door, log=log, executions=FollowedExecutions(follower))
    client = replace(place.client(), door=door, follower=follower, executions=ExecutionService(door))
    answer = orders.kill(client, head.id, 0.2)
    assert (answer.is_done, answer.refusal) == (False, None)
    assert tell_answer(answer, 0.2, "json") == TIMEOUT
    printed = capsys.readouterr()
    assert orjson.loads(printed.out)["answer"] == "none"
    assert "kill: nothing has come of it for 0.2 s" in printed.err


# -- starting and following --------------------------------------------------------------------------------------------


def test_a_flow_on_the_log_is_started_by_its_names_and_followed_to_its_end(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.started(FAILS, S.FAILED)
    assert start(place.client(), Wish(["tests.orders.fails"], 0, [], ["who=me"]), None, PATIENCE, "json") == OK
    told = orjson.loads(capsys.readouterr().out)
    assert (told["command"], told["answer"]) == ("start", "done")
    assert follow(place.client(), told["executionId"], Terms("wait", None, kills=False), "json") == FAILED
    document = orjson.loads(capsys.readouterr().out)
    assert document["execution"]["id"] == told["executionId"]
    assert {"key": "who", "value": "me"} in document["execution"]["labels"]
    assert document["logs"][0]["message"] == "first"
    assert start(place.client(), Wish(["tests.orders", "fails"], 1, ["good=true"], []), Terms("stop", None, kills=False), 1, "table") == OK
    assert "tests.orders.fails SUCCESS" in capsys.readouterr().out


def test_what_cannot_be_started_is_told(place: Place) -> None:
    with pytest.raises(NotFound, match=r"there is no flow tests\.orders\.nothing on this log"):
        start(place.client(), Wish(["tests.orders.nothing"], 0, [], []), None, PATIENCE, "table")
    place.started(QUICK, S.SUCCESS)
    with pytest.raises(NotFound, match="quick revision 7"):
        start(place.client(), Wish(["tests.orders", "quick"], 7, [], []), None, PATIENCE, "table")
    with pytest.raises(Invalid, match="the flow has no input `x`"):
        start(place.client(), Wish(["tests.orders.quick"], 0, ["x=1"], []), None, PATIENCE, "table")


def test_who_follows_and_has_no_more_time_leaves_and_the_execution_goes_on(place: Place) -> None:
    execution_id = place.started(LONG, S.RUNNING)
    assert follow(place.client(), execution_id, Terms("wait", 0.2, kills=False), "table") == TIMEOUT
    client = place.client()
    assert orders.reach(client, execution_id).head.state.current is S.RUNNING


# -- history -----------------------------------------------------------------------------------------------------------


def test_a_history_has_every_event_and_the_document_of_each_moment(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    execution_id = place.started(FAILS, S.FAILED)
    orders.restart(place.client(), execution_id, PATIENCE)
    client = place.client()
    orders.reach(client, execution_id)
    place.wait(client, execution_id, S.FAILED)
    client.follower.catch_up()
    log, now = place.engine.backend.log, place.engine.clock.now()
    assert tell_history(log, execution_id, now, (None, None), "json") == OK
    timeline = orjson.loads(capsys.readouterr().out)
    assert [event["sequence"] for event in timeline["events"]] == list(range(1, len(timeline["events"]) + 1))
    assert (timeline["missing"], timeline["repeated"]) == ([], [])
    states = [state for event in timeline["events"] for state in event.get("execution", {}).get("states", [])]
    assert states[:3] == ["CREATED", "RUNNING", "FAILED"]
    assert "RESTARTED" in states
    first_end = next(event["sequence"] for event in timeline["events"] if event["finished"])
    assert tell_history(log, execution_id, now, (first_end, None), "json") == OK
    document = orjson.loads(capsys.readouterr().out)
    assert document["execution"]["state"]["current"] == "FAILED"
    assert [run["state"]["current"] for run in document["execution"]["taskRunList"]] == ["SUCCESS", "FAILED"]
    assert document["logs"][0]["message"] == "first"
    assert tell_history(log, execution_id, now, (1, None), "json") == OK
    assert orjson.loads(capsys.readouterr().out)["execution"]["state"]["current"] in {"CREATED", "RUNNING"}


def test_a_timeline_for_people_names_what_changed(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    execution_id = place.started(FAILS, S.FAILED)
    log, now = place.engine.backend.log, place.engine.clock.now()
    assert tell_history(log, execution_id, now, (None, None), "table") == OK
    printed = capsys.readouterr().out
    assert "execution CREATED → RUNNING" in printed
    assert "second " in printed
    assert "(finished)" in printed
    assert tell_history(log, execution_id, now, (2, None), "table") == OK
    assert "tests.orders.fails" in capsys.readouterr().out


def test_what_is_not_in_a_history_is_told(place: Place) -> None:
    execution_id = place.started(FAILS, S.FAILED)
    log, now = place.engine.backend.log, place.engine.clock.now()
    with pytest.raises(NotFound, match="keeps no event of an execution nobody"):
        tell_history(log, "nobody", now, (None, None), "table")
    with pytest.raises(Invalid, match="--seq 999: the log has no such event of it; it has 1 to"):
        tell_history(log, execution_id, now, (999, None), "table")
    with pytest.raises(Invalid, match="nothing had happened yet"):
        tell_history(log, execution_id, now, (None, now.replace(year=2001)), "table")


def test_codes_of_answers(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    answer = orders.kill(place.client(), place.started(LONG, S.RUNNING), PATIENCE)
    assert tell_answer(answer, 1, "table") == OK
    assert capsys.readouterr().out.startswith("kill: tests.orders.long KILL")
    refused = orders.Answer("replay", answer.head.id, answer.head, is_done=False, refusal="it can not")
    assert tell_answer(refused, 1, "json") == FAILED
    assert orjson.loads(capsys.readouterr().out)["answer"] == "refused"
