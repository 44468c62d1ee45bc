"""Nasty flows under a seeded scheduler that reorders, doubles, delays, loses workers, crashes and rebalances.

Whatever the seed: every execution ends in a terminal state, no task run stays open, each dispatch of a run counts once, the limit of
a flow is kept and its slots come back, nothing is left in memory. `KESTRA_INTERLEAVINGS` sets how many seeds each story gets (the
default makes ten thousand stories in all).
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import pytest

from kestra_stream.executor.processor import Executor
from kestra_stream.models import execution_input as i
from kestra_stream.models.state import S
from kestra_stream.testing.driver import Driver, Mischief, Outcomes, Story

SEEDS = int(os.environ.get("KESTRA_INTERLEAVINGS", "560"))
CHUNKS = 4
LOG = "type: io.kestra.plugin.core.log.Log, message: x"

CHILD = f"""
id: child
namespace: t.t
concurrency: {{limit: 1}}
tasks:
  - {{id: c1, {LOG}}}
"""
PARALLEL = f"""
id: main
namespace: t.t
tasks:
  - id: p
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {{id: flaky, {LOG}, retry: {{type: constant, interval: PT1S, maxAttempts: 3}}}}
      - id: each
        type: io.kestra.plugin.core.flow.ForEach
        values: [1, 2, 3, 4]
        concurrencyLimit: 2
        tasks:
          - {{id: e1, {LOG}}}
          - {{id: e2, {LOG}}}
      - {{id: wait, type: io.kestra.plugin.core.flow.Pause, pauseDuration: PT5S}}
      - {{id: sub, type: io.kestra.plugin.core.flow.Subflow, namespace: t.t, flowId: child}}
  - {{id: last, {LOG}}}
errors:
  - {{id: handle, {LOG}}}
finally:
  - {{id: tidy, {LOG}}}
afterExecution:
  - {{id: after, {LOG}}}
"""
NESTED = f"""
id: main
namespace: t.t
tasks:
  - id: dag
    type: io.kestra.plugin.core.flow.Dag
    tasks:
      - task: {{id: d1, {LOG}}}
      - task: {{id: d2, {LOG}}}
        dependsOn: [d1]
      - task:
          id: guard
          type: io.kestra.plugin.core.flow.AllowFailure
          tasks:
            - id: loop
              type: io.kestra.plugin.core.flow.LoopUntil
              condition: "{{{{ outputs.loop.iterationCount >= 3 }}}}"
              checkFrequency: {{interval: PT1S}}
              tasks:
                - {{id: body, {LOG}}}
            - {{id: breaks, {LOG}}}
          errors:
            - {{id: local, {LOG}}}
        dependsOn: [d1]
  - id: subs
    type: io.kestra.plugin.core.flow.ForEach
    values: [a, b, c]
    concurrencyLimit: 0
    tasks:
      - {{id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: t.t, flowId: child}}
"""
FAILING = f"""
id: main
namespace: t.t
tasks:
  - id: p
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {{id: bad, {LOG}, retry: {{type: constant, interval: PT1S, maxAttempts: 2}}}}
      - {{id: sub, type: io.kestra.plugin.core.flow.Subflow, namespace: t.t, flowId: child}}
      - id: seq
        type: io.kestra.plugin.core.flow.Sequential
        tasks:
          - {{id: s1, {LOG}}}
          - {{id: s2, {LOG}}}
errors:
  - {{id: handle, {LOG}}}
finally:
  - {{id: tidy, {LOG}}}
"""
SLOW_RETRY = f"""
id: main
namespace: t.t
concurrency: {{limit: 1, behavior: QUEUE}}
sla:
  - {{id: quick, type: MAX_DURATION, duration: PT1H, behavior: FAIL}}
retry: {{type: exponential, interval: PT1S, maxInterval: PT10S, maxAttempts: 4}}
tasks:
  - {{id: flaky, {LOG}}}
  - {{id: label, type: io.kestra.plugin.core.execution.Labels, labels: {{a: b}}}}
  - {{id: approve, type: io.kestra.plugin.core.flow.Pause, pauseDuration: PT2S}}
"""
BATCHES = f"""
id: main
namespace: t.t
tasks:
  - id: items
    type: io.kestra.plugin.core.flow.ForEachItem
    items: "kestra:///rows.ion"
    namespace: t.t
    flowId: child
    errors:
      - {{id: local, {LOG}}}
  - {{id: last, {LOG}}}
errors:
  - {{id: handle, {LOG}}}
"""
APPROVALS = f"""
id: main
namespace: t.t
tasks:
  - id: p
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - id: first
        type: io.kestra.plugin.core.flow.Pause
        pauseDuration: PT10S
        behavior: WARN
        onPause: {{id: told, {LOG}}}
        tasks: [{{id: inside, {LOG}}}]
      - {{id: second, type: io.kestra.plugin.core.flow.Pause, timeout: PT30S, allowFailure: true}}
      - {{id: flaky, {LOG}, retry: {{type: random, minInterval: PT1S, maxInterval: PT3S, maxAttempts: 2}}}}
  - {{id: last, {LOG}}}
"""
NEW_EXECUTION = f"""
id: main
namespace: t.t
concurrency: {{limit: 1}}
tasks:
  - {{id: bad, {LOG}, retry: {{type: constant, interval: PT1S, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}}}}
"""


@dataclass(frozen=True)
class Tale:
    """A flow, what its tasks do, how it ends when nobody kills it, and what a person does to it meanwhile."""

    source: str
    outcomes: Outcomes
    end: str
    act: Callable[[Driver, str], None] | None = None


def kill(driver: Driver, execution_id: str) -> None:
    driver.tell(execution_id, i.Kill())


def pause_and_resume(driver: Driver, execution_id: str) -> None:
    driver.tell(execution_id, i.Pause())
    for _ in range(driver.random.randrange(20)):
        driver.turn()
    driver.tell(execution_id, i.Resume())


def pause_and_kill(driver: Driver, execution_id: str) -> None:
    driver.tell(execution_id, i.Pause())
    for _ in range(driver.random.randrange(20)):
        driver.turn()
    driver.tell(execution_id, i.Kill())


def restart(driver: Driver, execution_id: str) -> None:
    """Once while it runs (which means nothing, or the end of a pause), and again after the end."""
    driver.tell(execution_id, i.Restart())
    driver.settle()
    driver.tell(execution_id, i.Restart())


def kill_in_line(driver: Driver, execution_id: str) -> None:
    """Of three in a line for one slot, two are killed at some time."""
    others = [driver.create("main"), driver.create("main")]
    for victim in (execution_id, others[0]):
        for _ in range(driver.random.randrange(30)):
            driver.turn()
        driver.tell(victim, i.Kill())


def run_twice(driver: Driver, execution_id: str) -> None:
    assert execution_id
    driver.create("main")


FLAKY: Outcomes = {"flaky": [S.FAILED, S.SUCCESS]}
BREAKS: Outcomes = {"breaks": [S.FAILED]}
BAD: Outcomes = {"bad": [S.FAILED]}
RECOVERS: Outcomes = {"bad": [S.FAILED, S.FAILED, S.SUCCESS], "c1": [S.SUCCESS]}
SPLIT: Outcomes = {"items_split": [(S.SUCCESS, {"numberOfBatches": 3, "base": "kestra:///rows", "splits": "kestra:///splits"})]}
TALES = {
    "parallel": Tale(PARALLEL, FLAKY, "SUCCESS"),
    "kill while retrying and paused": Tale(PARALLEL, FLAKY, "KILLED or SUCCESS", kill),
    "nested": Tale(NESTED, BREAKS, "WARNING"),
    "kill of nested": Tale(NESTED, BREAKS, "KILLED or WARNING", kill),
    "failing": Tale(FAILING, BAD, "FAILED"),
    "kill while failing": Tale(FAILING, BAD, "KILLED or FAILED", kill),
    "subflow fails": Tale(FAILING, {"c1": [S.FAILED]}, "FAILED"),
    "subflow fails while the parent is killed": Tale(FAILING, {"c1": [S.FAILED]}, "KILLED or FAILED", kill),
    "slow retry in a line": Tale(SLOW_RETRY, FLAKY, "SUCCESS", run_twice),
    "paused by hand": Tale(NESTED, BREAKS, "WARNING", pause_and_resume),
    "killed while paused": Tale(PARALLEL, FLAKY, "KILLED or SUCCESS", pause_and_kill),
    "restart while it runs and after the end": Tale(FAILING, RECOVERS, "SUCCESS", restart),
    "three in a line, two killed": Tale(SLOW_RETRY, FLAKY, "KILLED or SUCCESS", kill_in_line),
    "batches": Tale(BATCHES, SPLIT, "SUCCESS"),
    "batches fail while they are killed": Tale(BATCHES, {**SPLIT, "c1": [S.FAILED]}, "KILLED or FAILED", kill),
    "batches restarted": Tale(BATCHES, {**SPLIT, "c1": [S.FAILED]}, "FAILED", restart),
    "pauses with and without an end": Tale(APPROVALS, FLAKY, "WARNING"),
    "new executions in a line": Tale(NEW_EXECUTION, BAD, "RETRIED", run_twice),
}


def tell(tale: Tale, seed: int) -> None:
    driver = Driver(tale.source, CHILD, seed=seed, mischief=Mischief.all(), outcomes=tale.outcomes)
    main = driver.create("main")
    if tale.act is not None:
        for _ in range(driver.random.randrange(60)):
            driver.turn()
        tale.act(driver, main)
    driver.settle()
    stories = [driver.story(execution_id) for execution_id in driver.executions()]
    for story in stories:
        assert_ended_well(driver, story)
    assert driver.story(main).state.value in tale.end
    for flow_id in ("main", "child"):
        flow = driver.find_flow("main", "t.t", flow_id)
        if flow is not None and flow.concurrency is not None:
            assert_limit_was_kept([story for story in stories if story.execution.flow_id == flow_id])
    assert driver.run("child").state.is_terminal, "a slot of the child's flow leaked"
    live = [loop.processor.live_executions for loop in driver.loops if isinstance(loop.processor, Executor)]
    assert sum(live) == 0, "an execution was not let go"


def assert_ended_well(driver: Driver, story: Story) -> None:
    """Everything has ended, and each dispatch has made one attempt at most; of a run that was well, one attempt was."""
    assert story.execution.state.is_terminal, (story.execution.id, story.history)
    assert [(run.task_id, run.state.current) for run in story.task_runs if not run.state.is_terminal] == []
    for run in story.task_runs:
        dispatches = driver.workplace.dispatched.get(run.id)
        assert dispatches is None or len(run.attempts) <= len(dispatches), (run.task_id, "an attempt was counted twice")
        good = [attempt for attempt in run.attempts if attempt.state.current is S.SUCCESS]
        assert len(good) <= 1, (run.task_id, "ran again after it was well")
        assert all(attempt.state.is_terminal for attempt in run.attempts), (run.task_id, "an attempt stayed open")
        end = driver.workplace.ends.get((run.id, run.epoch))
        if end is not None and good:
            assert good[0].state.histories[-1].date == end.ended_at, (run.task_id, "the result of an older dispatch was taken")


def assert_limit_was_kept(stories: Iterable[Story]) -> None:
    """Of a flow with one slot, no two executions ran at the same time."""
    spans = []
    for story in stories:
        dates = {transition.state: transition.date for transition in story.execution.state.histories}
        if S.RUNNING in dates and S.RESTARTED not in story.history:
            spans.append((dates[S.RUNNING], story.execution.state.histories[-1].date))
    spans.sort()
    assert all(ended <= began for (_, ended), (began, _) in pairwise(spans)), "more ran at once than the limit allows"


@pytest.mark.parametrize("name", TALES)
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.slow
def test_every_interleaving_ends_well(name: str, chunk: int) -> None:
    for seed in range(chunk, SEEDS, CHUNKS):
        try:
            tell(TALES[name], seed)
        except AssertionError as error:
            raise AssertionError(f"{name}, seed {seed}: {error}") from error


@pytest.mark.parametrize("name", TALES)
def test_the_same_seed_tells_the_same_story(name: str) -> None:
    tale = TALES[name]

    def states(seed: int) -> list[object]:
        driver = Driver(tale.source, CHILD, seed=seed, mischief=Mischief.all(), outcomes=tale.outcomes)
        main = driver.create("main")
        driver.settle()
        return [(run.id, run.state) for run in driver.story(main).task_runs]

    assert states(7) == states(7)
