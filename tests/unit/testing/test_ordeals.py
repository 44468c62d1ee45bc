"""Long stories of many executions under all the driver's mischief, after each of which nothing may be left but its documents."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from kestra_stream.models import execution_input as i
from kestra_stream.models.state import S
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.testing.driver import Driver, Mischief, Outcomes
from tests.unit.testing.audit import Audit

pytestmark = pytest.mark.slow

SEEDS = int(os.environ.get("KESTRA_ORDEALS", "2"))
FIRST = int(os.environ.get("KESTRA_FIRST_ORDEAL", "0"))
LOG = "type: io.kestra.plugin.core.log.Log, message: x"
FLOW = "io.kestra.plugin.core.flow"
ITEMS: Outcomes = {"items_split": [(S.SUCCESS, {"numberOfBatches": 7, "base": "kestra:///rows", "splits": "kestra:///splits"})]}


def flow(name: str, body: str) -> str:
    return f"id: {name}\nnamespace: t.t\n{body}"


LEAF = flow("leaf", f"""
concurrency: {{limit: 2}}
tasks:
  - {{id: l1, {LOG}, retry: {{type: constant, interval: PT1S, maxAttempts: 2}}}}
afterExecution:
  - {{id: leaf_after, {LOG}}}
""")  # fmt: skip


def caller(name: str, called: str) -> str:
    return flow(name, f"""
tasks:
  - {{id: before_{name}, {LOG}}}
  - {{id: call_{name}, type: {FLOW}.Subflow, namespace: t.t, flowId: {called}, retry: {{type: constant, interval: PT2S, maxAttempts: 2}}}}
  - {{id: then_{name}, {LOG}}}
errors:
  - {{id: errors_{name}, {LOG}}}
outputs:
  - {{id: told, type: STRING, value: "{{{{ outputs.before_{name} | length }}}}{{{{ outputs.call_{name}.state ?? 'none' }}}}"}}
""")  # fmt: skip


DEEP = (caller("main", "two"), caller("two", "three"), caller("three", "four"), caller("four", "leaf"), LEAF)
RETRY_FAILED = flow("main", f"""
tasks:
  - id: each
    type: {FLOW}.ForEach
    values: [a, b, c]
    concurrencyLimit: 2
    tasks:
      - {{id: call, type: {FLOW}.Subflow, namespace: t.t, flowId: leaf, restartBehavior: RETRY_FAILED}}
  - {{id: fresh, type: {FLOW}.Subflow, namespace: t.t, flowId: leaf, restartBehavior: NEW_EXECUTION}}
finally:
  - {{id: tidy, {LOG}}}
""")  # fmt: skip
BATCHES = flow("main", f"""
tasks:
  - id: p
    type: {FLOW}.Parallel
    tasks:
      - id: items
        type: {FLOW}.ForEachItem
        items: "kestra:///rows.ion"
        namespace: t.t
        flowId: leaf
      - {{id: bad, {LOG}, retry: {{type: exponential, interval: PT1S, maxInterval: PT4S, maxAttempts: 3}}}}
errors:
  - {{id: handle, {LOG}}}
""")  # fmt: skip
POLLING = flow("main", f"""
tasks:
  - id: loop
    type: {FLOW}.LoopUntil
    condition: "{{{{ outputs.loop.iterationCount >= 3 }}}}"
    checkFrequency: {{interval: PT1S}}
    tasks:
      - id: each
        type: {FLOW}.ForEach
        values: [1, 2, 3]
        concurrencyLimit: 2
        tasks:
          - {{id: wait, type: {FLOW}.Pause, pauseDuration: PT2S}}
          - {{id: flaky, {LOG}, retry: {{type: constant, interval: PT1S, maxAttempts: 3}}}}
  - {{id: last, {LOG}}}
""")  # fmt: skip
LINE = flow("main", f"""
concurrency: {{limit: 1}}
tasks:
  - {{id: one, {LOG}}}
  - {{id: flaky, {LOG}, retry: {{type: constant, interval: PT1S, maxAttempts: 2}}}}
""")  # fmt: skip
AGREED = flow("main", f"""
concurrency: {{limit: 2}}
sla:
  - {{id: quick, type: MAX_DURATION, duration: PT5S, behavior: BEHAVIOR, labels: {{late: "yes"}}}}
tasks:
  - {{id: first, {LOG}}}
  - {{id: approve, type: {FLOW}.Pause, pauseDuration: PT60S}}
  - {{id: bad, {LOG}}}
errors:
  - {{id: handle, {LOG}}}
finally:
  - {{id: tidy, {LOG}}}
""")  # fmt: skip
WIDE = flow("main", f"""
tasks:
  - id: p
    type: {FLOW}.Parallel
    concurrent: 7
    tasks:
{"".join(f"      - {{id: w{n}, {LOG}, timeout: PT1S, retry: {{type: random, minInterval: PT1S, maxInterval: PT3S, maxAttempts: 3}}}}{chr(10)}" for n in range(50))}
""")  # fmt: skip
DIRECTORY = flow("main", f"""
tasks:
  - id: each
    type: {FLOW}.ForEach
    values: [1, 2, 3]
    concurrencyLimit: 0
    tasks:
      - id: dir
        type: {FLOW}.WorkingDirectory
        retry: {{type: constant, interval: PT1S, maxAttempts: 2}}
        tasks:
          - {{id: a, {LOG}}}
          - {{id: b, {LOG}}}
  - {{id: last, {LOG}}}
""")  # fmt: skip
AFTER = flow("main", f"""
concurrency: {{limit: 1}}
tasks:
  - {{id: bad, {LOG}}}
errors:
  - {{id: handle, {LOG}}}
finally:
  - {{id: tidy, {LOG}}}
afterExecution:
  - {{id: after_bad, {LOG}}}
  - {{id: after_call, type: {FLOW}.Subflow, namespace: t.t, flowId: leaf}}
  - {{id: after_last, {LOG}}}
""")  # fmt: skip
CHAIN = flow("main", f"""
concurrency: {{limit: 1}}
retry: {{type: constant, interval: PT2S, maxAttempts: 5, behavior: CREATE_NEW_EXECUTION}}
tasks:
  - id: seq
    type: {FLOW}.Sequential
    tasks:
      - {{id: call, type: {FLOW}.Subflow, namespace: t.t, flowId: leaf}}
      - {{id: bad, {LOG}}}
""")  # fmt: skip
DAG = flow("main", f"""
tasks:
  - id: dag
    type: {FLOW}.Dag
    concurrent: 2
    tasks:
      - task: {{id: d1, {LOG}}}
      - task:
          id: d2
          type: {FLOW}.Parallel
          tasks:
            - {{id: wait, type: {FLOW}.Pause, pauseDuration: PT3S, onPause: {{id: told, {LOG}}}}}
            - {{id: flaky, {LOG}, retry: {{type: constant, interval: PT1S, maxAttempts: 3}}}}
            - {{id: call, type: {FLOW}.Subflow, namespace: t.t, flowId: leaf}}
        dependsOn: [d1]
      - task:
          id: d3
          type: {FLOW}.AllowFailure
          tasks:
            - {{id: bad, {LOG}}}
        dependsOn: [d1]
      - task: {{id: d4, {LOG}}}
        dependsOn: [d2, d3]
  - {{id: last, {LOG}}}
""")  # fmt: skip

BAD: Outcomes = {"bad": [S.FAILED], "flaky": [S.FAILED, S.SUCCESS]}
LEAF_FAILS: Outcomes = {"l1": [S.FAILED]}
LEAF_RECOVERS: Outcomes = {"l1": [S.FAILED, S.FAILED, S.SUCCESS]}
SOME_FAIL: Outcomes = {f"w{n}": [S.FAILED, S.FAILED, S.SUCCESS] for n in range(0, 50, 3)}


# -- what people do -----------------------------------------------------------------------------------------------------


def some(audit: Audit, most: int = 60) -> None:
    audit.turns(audit.driver.random.randrange(most))


def known(audit: Audit) -> list[str]:
    return sorted(audit.driver.executions())


def kill_any(audit: Audit, _: str) -> None:
    """Kill whatever there is, children before parents or after, and some twice."""
    for _round in range(4):
        some(audit, 80)
        found = known(audit)
        if found:
            audit.driver.kill(audit.driver.random.choice(found))


def restart_in_the_middle(audit: Audit, main: str) -> None:
    """The main execution, or any other, is killed or restarted while others of the line run, twice."""
    for _round in range(3):
        some(audit, 150)
        found = known(audit)
        victim = audit.driver.random.choice([main, *found])
        deeds: list[i.ExecutionInput] = [i.Kill(), i.Restart(), i.Pause(), i.Resume()]
        audit.driver.tell(victim, audit.driver.random.choice(deeds))
    audit.settle()
    for execution_id in known(audit):
        audit.driver.tell(execution_id, i.Resume())
    audit.settle()
    for _round in range(2):
        audit.driver.tell(audit.driver.random.choice(known(audit)), i.Restart())
        some(audit, 100)
    audit.driver.tell(main, i.Restart())


def crowd(audit: Audit, main: str) -> None:
    """Fifty in a line: some are killed, some forced, some taken out, and the limit is changed meanwhile."""
    driver, random = audit.driver, audit.driver.random
    everyone = [main, *(driver.create("main") for _ in range(49))]
    for number in range(20):
        some(audit, 60)
        victim = random.choice(everyone)
        deeds: list[i.ExecutionInput] = [i.Kill(), i.ForceRun(), i.Unqueue(), i.Unqueue(S.CANCELLED), i.Kill(), i.Restart()]
        driver.tell(victim, random.choice(deeds))
        if number in {7, 14}:
            source = LINE.replace("limit: 1", f"limit: {random.choice([1, 2, 5])}")
            driver.add_flow(parse_flow(source if random.random() < 0.8 else source.replace("concurrency", "# concurrency")))


def replay_of_a_replay(audit: Audit, main: str) -> None:
    driver, random = audit.driver, audit.driver.random
    last = main
    for number in range(3):
        if random.random() < 0.5:
            audit.settle()
        else:
            some(audit, 200)
        story = driver.story(last) if last in known(audit) else None
        place = random.choice([None, *(run.id for run in story.task_runs)]) if story is not None else None
        name = f"again-{number}"
        driver.tell(last, i.Replay(name, place, breakpoints=("last",) if number == 1 else ()))
        some(audit, 100)
        if random.random() < 0.3:
            driver.kill(last)
        last = name if name in known(audit) or random.random() < 0.5 else last
    audit.settle()
    for execution_id in known(audit):
        driver.tell(execution_id, i.ResumeFromBreakpoint())


def pause_and_change(audit: Audit, main: str) -> None:
    """States set by hand in the middle of everything."""
    driver, random = audit.driver, audit.driver.random
    for _round in range(4):
        some(audit, 60)
        story = driver.story(main) if main in known(audit) else None
        deeds: list[i.ExecutionInput] = [i.Pause(), i.Resume(), i.Restart(), i.SetLabels(())]
        if story is not None and story.task_runs:
            deeds += [i.ChangeTaskRunState(random.choice(list(story.task_runs)).id, random.choice([S.FAILED, S.SUCCESS, S.WARNING]))] * 3
        driver.tell(main, random.choice(deeds))
    audit.settle()
    for execution_id in known(audit):
        driver.tell(execution_id, i.Resume())


def several(audit: Audit, _: str) -> None:
    for _round in range(3):
        audit.driver.create("main")
        some(audit)


def nothing(audit: Audit, _: str) -> None:
    some(audit)


@dataclass(frozen=True)
class Ordeal:
    """Flows, what their tasks do, and what people do meanwhile."""

    sources: tuple[str, ...]
    outcomes: Outcomes = field(default_factory=dict)
    act: Callable[[Audit, str], None] = nothing


def agreed(behavior: str) -> str:
    return AGREED.replace("BEHAVIOR", behavior)


ORDEALS: Mapping[str, Ordeal] = {
    "batches killed anywhere": Ordeal((BATCHES, LEAF), {**ITEMS, **BAD}, kill_any),
    "batches failing and restarted": Ordeal((BATCHES, LEAF), {**ITEMS, **LEAF_RECOVERS, "bad": [S.FAILED] * 4 + [S.SUCCESS]}, restart_in_the_middle),
    "four deep, retried": Ordeal(DEEP, LEAF_RECOVERS),
    "four deep, killed anywhere": Ordeal(DEEP, LEAF_RECOVERS, kill_any),
    "four deep, restarted in the middle": Ordeal(DEEP, {"l1": [S.FAILED] * 3 + [S.SUCCESS]}, restart_in_the_middle),
    "a loop over pauses": Ordeal((POLLING,), BAD),
    "a loop over pauses, changed": Ordeal((POLLING,), BAD, pause_and_change),
    "a loop over pauses, killed": Ordeal((POLLING,), BAD, kill_any),
    "a loop over pauses, replayed": Ordeal((POLLING,), BAD, replay_of_a_replay),
    "a line of fifty": Ordeal((LINE,), BAD, crowd),
    "late while paused: fail": Ordeal((agreed("FAIL"),), BAD, several),
    "late while paused: cancel": Ordeal((agreed("CANCEL"),), BAD, pause_and_change),
    "late while paused: none, killed": Ordeal((agreed("NONE"),), BAD, kill_any),
    "fifty beside each other": Ordeal((WIDE,), SOME_FAIL),
    "fifty beside each other, changed": Ordeal((WIDE,), SOME_FAIL, pause_and_change),
    "directories": Ordeal((DIRECTORY,), {"dir": [S.FAILED, S.SUCCESS]}, several),
    "directories, restarted": Ordeal((DIRECTORY,), {"dir": [S.FAILED] * 2 + [S.SUCCESS]}, restart_in_the_middle),
    "afterExecution fails": Ordeal((AFTER, LEAF), {**BAD, **LEAF_FAILS, "after_bad": [S.FAILED]}, several),
    "afterExecution killed": Ordeal((AFTER, LEAF), {**BAD, "after_bad": [S.FAILED]}, kill_any),
    "afterExecution restarted": Ordeal((AFTER, LEAF), {**BAD, **LEAF_RECOVERS}, restart_in_the_middle),
    "a chain of new executions": Ordeal((CHAIN, LEAF), {**BAD, **LEAF_RECOVERS}, several),
    "a chain with a killed middle": Ordeal((CHAIN, LEAF), BAD, kill_any),
    "a chain restarted": Ordeal((CHAIN, LEAF), BAD, restart_in_the_middle),
    "a graph replayed": Ordeal((DAG, LEAF), BAD, replay_of_a_replay),
    "a graph changed": Ordeal((DAG, LEAF), BAD, pause_and_change),
    "failed children retried": Ordeal((RETRY_FAILED, LEAF), {"l1": [S.FAILED] * 2 + [S.SUCCESS]}, restart_in_the_middle),
    "failed children retried and killed": Ordeal((RETRY_FAILED, LEAF), LEAF_RECOVERS, kill_any),
    "children and replays": Ordeal((RETRY_FAILED, LEAF), LEAF_RECOVERS, replay_of_a_replay),
}  # fmt: skip


def endure(ordeal: Ordeal, seed: int) -> None:
    driver = Driver(*ordeal.sources, seed=seed, mischief=Mischief.all(), outcomes=ordeal.outcomes)
    audit = Audit(driver)
    ordeal.act(audit, driver.create("main"))
    audit.settle()
    finish(audit)
    audit.check_the_end()


def finish(audit: Audit) -> None:
    """People end what waits for them."""
    for _ in range(8):
        waiting = [head for head in known(audit) if not audit.driver.story(head).state.is_terminal]
        if not waiting:
            return
        for head in waiting:
            state = audit.driver.story(head).state
            assert state in {S.PAUSED, S.BREAKPOINT}, (head, state, "waits for nobody")
            audit.driver.tell(head, i.Resume() if state is S.PAUSED else i.ResumeFromBreakpoint(()))
        audit.settle()


@pytest.mark.parametrize("name", ORDEALS)
def test_an_ordeal_leaves_nothing_but_its_documents(name: str) -> None:
    for seed in range(FIRST, FIRST + SEEDS):
        try:
            endure(ORDEALS[name], seed)
        except AssertionError as error:
            raise AssertionError(f"{name}, seed {seed}: {error}") from error
