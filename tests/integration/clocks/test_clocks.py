"""Processes whose clocks are an hour apart: each says so once, all go by the log's time, and whatever waits for a moment comes at it."""

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_input import Create
from kestra_stream.models.state import S, State, StateType
from kestra_stream.queue.interface import Outgoing
from kestra_stream.runtime.identity import new_id
from kestra_stream.topics import EXECUTION_INBOX
from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.histories import Histories, histories
from tests.integration.faults.site import Member, Site
from tests.integration.faults.workload import NAMESPACE
from tests.services.broker import Broker

HOUR = 3600
WAIT = timedelta(seconds=2)
FLOWS = """
id: waiting
sla: [{id: late, type: MAX_DURATION, duration: PT30M, behavior: FAIL}]
tasks:
  - {id: pause, type: io.kestra.plugin.core.flow.Pause, pauseDuration: PT2S}
  - {id: last, type: io.kestra.plugin.core.log.Log, message: done}
---
id: retried
tasks:
  - id: unlucky
    type: io.kestra.plugin.core.execution.Fail
    condition: "{{ taskrun.attemptsCount < 2 }}"
    retry: {type: constant, interval: PT2S, maxAttempts: 3}
---
id: looping
tasks:
  - id: loop
    type: io.kestra.plugin.core.flow.LoopUntil
    condition: "{{ outputs.loop.iterationCount >= 3 }}"
    checkFrequency: {interval: PT1S}
    tasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: once more}]
---
id: too_slow
tasks:
  - {id: long, type: io.kestra.plugin.core.flow.Sleep, duration: PT10M, timeout: PT2S}
---
id: limited
concurrency: {limit: 1, behavior: QUEUE}
tasks:
  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.1S}
"""
ENDS = {
    "waiting": ("SUCCESS", {"pause": "SUCCESS", "last": "SUCCESS"}),
    "looping": ("SUCCESS", {"loop": "SUCCESS", "say": "SUCCESS"}),
    "too_slow": ("FAILED", {"long": "FAILED"}),
    "limited": ("SUCCESS", {"nap": "SUCCESS"}),
}
EACH = 4
SHIFTS = {
    "executors ahead": {"executor": HOUR, "limiter": HOUR, "worker": -HOUR},
    "executors behind": {"executor": -HOUR, "limiter": -HOUR, "worker": HOUR},
    "limiter and worker ahead": {"executor": 0, "limiter": HOUR, "worker": HOUR},
}


def create(client: EngineClient, flow: str, shift: int) -> list[str]:
    """Create executions, as somebody does whose clock is wrong."""
    date = datetime.now(UTC) + timedelta(seconds=shift)
    heads = [Execution(new_id(), NAMESPACE, flow, 0, State.created(date)) for _ in range(EACH)]
    client.log.send([Outgoing(EXECUTION_INBOX, head.id, Create(head)) for head in heads])
    return [head.id for head in heads]


def check_message(member: Member, shift: int) -> None:
    """A process says once how far its machine is off, or nothing; its figure tells it too."""
    said = [line for line in member.lines() if "clock of this machine" in line]
    way = "ahead of" if shift > 0 else "behind"
    assert [f"is {abs(shift)} s {way} the log's" in line for line in said] == ([True] if shift else []), (member.name, said)
    (skew,) = re.findall(r"^kestra_clock_skew_seconds (\S+)", member.ask("/prometheus")[1], re.MULTILINE)
    assert abs(float(skew) - shift) < 60, (member.name, skew)


def waits(known: Histories, ids: Sequence[str], task: str, state: StateType) -> list[timedelta]:
    """Return how long the runs of a task were in a state, each time."""
    found = []
    for each in ids:
        for run in known.known[each].runs.values():
            if run.task_id == task:
                steps = run.state.histories
                found += [after.date - step.date for step, after in pairwise(steps) if step.state is state]
    return found


@pytest.mark.parametrize("shifts", SHIFTS.values(), ids=SHIFTS.keys())
@pytest.mark.parametrize("client_shift", [-HOUR, HOUR], ids=["client behind", "client ahead"])
def test_what_waits_for_a_moment_comes_at_it(kafka: Broker, prefix: str, tmp_path: Path, shifts: dict[str, int], client_shift: int) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=1)
    with Site(tmp_path, kafka.client, kafka={"defaults": {"topic-prefix": prefix}}) as site:
        for component, shift in shifts.items():
            for _ in range(2 if component == "executor" else 1):
                command = (sys.executable, "-m", "tests.integration.clocks.shifted", str(shift))
                site.start(component, command=command, PYTHONPATH=str(Path(__file__).parents[3]))
        with client_of(site.config, FLOWS) as client, histories(client.log) as known:
            created = {flow: create(client, flow, client_shift) for flow in (*ENDS, "retried")}
            known.wait([each for ids in created.values() for each in ids])
            for flow, (state, runs) in ENDS.items():
                known.judge(created[flow], state, runs)
            assert [known.known[each].state for each in created["retried"]] == ["SUCCESS"] * EACH
            assert len(waits(known, created["waiting"], "pause", S.PAUSED)) == EACH
            assert min(waits(known, created["waiting"], "pause", S.PAUSED)) >= WAIT
            assert len(waits(known, created["retried"], "unlucky", S.RETRYING)) == 2 * EACH
            assert min(waits(known, created["retried"], "unlucky", S.RETRYING)) >= WAIT
            assert min(waits(known, created["too_slow"], "long", S.RUNNING)) >= WAIT
            for history in known.known.values():
                assert history.head is not None
                states = [history.head.state, *(run.state for run in history.runs.values())]
                dates = [step.date for state in states for step in state.histories]
                assert begun <= min(dates) <= max(dates) <= datetime.now(UTC) + timedelta(seconds=1), dates
        for member in site.members:
            check_message(member, shifts[member.name.partition("-")[0]])
        site.check()
        assert [member.end() for member in site.members] == [0] * len(site.members)
