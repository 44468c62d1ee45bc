"""Flows that use the engine in every way that waits for something, and how each of them must end, whatever dies meanwhile."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from kestra_stream.models import execution_input as i
from kestra_stream.models.execution_input import ExecutionInput
from kestra_stream.models.state import S, StateType

NAMESPACE = "tests.faults"
FLOWS = """
id: side_by_side
tasks:
  - id: side
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: a, type: io.kestra.plugin.core.debug.Return, format: "{{ execution.id }}"}
      - {id: b, type: io.kestra.plugin.core.log.Log, message: b}
      - {id: c, type: io.kestra.plugin.core.output.OutputValues, values: {x: 1}}
  - {id: last, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.a.value }}"}
---
id: retried
tasks:
  - id: unlucky
    type: io.kestra.plugin.core.execution.Fail
    condition: "{{ taskrun.attemptsCount < 2 }}"
    retry: {type: constant, interval: PT0.3S, maxAttempts: 20}
  - {id: last, type: io.kestra.plugin.core.log.Log, message: done}
---
id: hopeless
tasks:
  - id: unlucky
    type: io.kestra.plugin.core.execution.Fail
    retry: {type: constant, interval: PT0.2S, maxAttempts: 2}
  - {id: never, type: io.kestra.plugin.core.log.Log, message: never}
errors:
  - {id: sorry, type: io.kestra.plugin.core.log.Log, message: sorry}
---
id: looping
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [1, 2, 3, 4, 5, 6]
    concurrencyLimit: 2
    tasks:
      - {id: say, type: io.kestra.plugin.core.log.Log, message: "{{ taskrun.value }}"}
      - {id: give, type: io.kestra.plugin.core.debug.Return, format: "{{ taskrun.value }}"}
---
id: calling
tasks:
  - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: tests.faults, flowId: side_by_side}
---
id: let_down
tasks:
  - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: tests.faults, flowId: hopeless}
finally:
  - {id: tidy, type: io.kestra.plugin.core.log.Log, message: tidy}
afterExecution:
  - {id: tell, type: io.kestra.plugin.core.log.Log, message: "{{ execution.state }}"}
---
id: in_a_directory
tasks:
  - id: place
    type: io.kestra.plugin.core.flow.WorkingDirectory
    tasks:
      - {id: first, type: io.kestra.plugin.core.log.Log, message: first}
      - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.3S}
      - {id: second, type: io.kestra.plugin.core.log.Log, message: second}
---
id: limited
concurrency: {limit: 4, behavior: QUEUE}
tasks:
  - {id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.02S}
---
id: delayed
tasks:
  - {id: wait, type: io.kestra.plugin.core.flow.Pause, pauseDuration: PT1S}
  - {id: last, type: io.kestra.plugin.core.log.Log, message: done}
---
id: approved
tasks:
  - {id: wait, type: io.kestra.plugin.core.flow.Pause}
  - {id: last, type: io.kestra.plugin.core.log.Log, message: done}
---
id: too_slow
tasks:
  - {id: long, type: io.kestra.plugin.core.flow.Sleep, duration: PT10M, timeout: PT0.3S}
errors:
  - {id: sorry, type: io.kestra.plugin.core.log.Log, message: sorry}
---
id: killed
tasks:
  - {id: long, type: io.kestra.plugin.core.flow.Sleep, duration: PT10M}
---
id: killed_with_child
tasks:
  - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: tests.faults, flowId: killed}
---
id: asking
tasks:
  - id: ask
    type: io.kestra.plugin.core.flow.If
    condition: "{{ kv('nothing') is null }}"
    then:
      - {id: last, type: io.kestra.plugin.core.log.Log, message: done}
---
id: in_batches
tasks:
  - {id: write, type: io.kestra.plugin.core.storage.Write, content: "1\\n2\\n3\\n4\\n5\\n", extension: .ion}
  - id: each
    type: io.kestra.plugin.core.flow.ForEachItem
    items: "{{ outputs.write.uri }}"
    batch: {rows: 2}
    namespace: tests.faults
    flowId: of_a_batch
    inputs: {items: "{{ taskrun.items }}"}
---
id: of_a_batch
inputs:
  - {id: items, type: FILE}
tasks:
  - {id: size, type: io.kestra.plugin.core.storage.Size, uri: "{{ inputs.items }}"}
---
id: until
tasks:
  - id: loop
    type: io.kestra.plugin.core.flow.LoopUntil
    condition: "{{ outputs.loop.iterationCount >= 2 }}"
    checkFrequency: {interval: PT0.2S}
    tasks:
      - {id: say, type: io.kestra.plugin.core.log.Log, message: once more}
---
id: mended
tasks:
  - {id: first, type: io.kestra.plugin.core.log.Log, message: first}
  - {id: fails_once, type: io.kestra.plugin.core.execution.Fail, condition: "{{ taskrun.attemptsCount < 1 }}"}
  - {id: last, type: io.kestra.plugin.core.log.Log, message: last}
---
id: endless
tasks:
  - {id: long, type: io.kestra.plugin.core.flow.Sleep, duration: PT10M}
---
id: killed_from_above
tasks:
  - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: tests.faults, flowId: endless}
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """How executions of a flow end.

    Attributes:
        state: of the execution.
        runs: how many task runs of each task there are, by task and state.
        attempts: how many attempts of a task's run count (those whose worker was lost do not).
        children: executions that each of its executions calls, by their flow.
        asks: what is sent to an execution of this flow when it is in a state.
    """

    state: StateType
    runs: Mapping[tuple[str, StateType], int]
    attempts: Mapping[str, int] = field(default_factory=dict[str, int])
    children: Mapping[str, int] = field(default_factory=dict[str, int])
    asks: Mapping[StateType, ExecutionInput] = field(default_factory=dict[StateType, ExecutionInput])

    def of(self, task_states: Counter[tuple[str, StateType]]) -> bool:
        """Whether these are the task runs."""
        return dict(task_states) == dict(self.runs)


def _all(state: StateType, *tasks: str, **more: int) -> dict[tuple[str, StateType], int]:
    return {**{(task, state): 1 for task in tasks}, **{(task, state): number for task, number in more.items()}}


_SORRY = {("unlucky", S.FAILED): 1, ("sorry", S.SUCCESS): 1}
ENDINGS: Mapping[str, Ending] = {
    "side_by_side": Ending(S.SUCCESS, _all(S.SUCCESS, "side", "a", "b", "c", "last")),
    "retried": Ending(S.SUCCESS, _all(S.SUCCESS, "unlucky", "last")),
    "hopeless": Ending(S.FAILED, _SORRY, {"unlucky": 2}),
    "looping": Ending(S.SUCCESS, _all(S.SUCCESS, "each", say=6, give=6)),
    "calling": Ending(S.SUCCESS, _all(S.SUCCESS, "call"), children={"side_by_side": 1}),
    "let_down": Ending(S.FAILED, {("call", S.FAILED): 1, ("tidy", S.SUCCESS): 1, ("tell", S.SUCCESS): 1}, children={"hopeless": 1}),
    "in_a_directory": Ending(S.SUCCESS, _all(S.SUCCESS, "place", "first", "nap", "second")),
    "limited": Ending(S.SUCCESS, _all(S.SUCCESS, "nap")),
    "delayed": Ending(S.SUCCESS, _all(S.SUCCESS, "wait", "last")),
    "approved": Ending(S.SUCCESS, _all(S.SUCCESS, "wait", "last"), asks={S.PAUSED: i.Resume()}),
    "too_slow": Ending(S.FAILED, {("long", S.FAILED): 1, ("sorry", S.SUCCESS): 1}, {"long": 1}),
    "killed": Ending(S.KILLED, _all(S.KILLED, "long"), asks={S.RUNNING: i.Kill()}),
    "killed_with_child": Ending(S.KILLED, _all(S.KILLED, "call"), children={"killed": 1}),
    "asking": Ending(S.SUCCESS, _all(S.SUCCESS, "ask", "last")),
    "in_batches": Ending(S.SUCCESS, _all(S.SUCCESS, "write", "each", "each_split", "each_items", "each_merge"), children={"of_a_batch": 3}),
    "of_a_batch": Ending(S.SUCCESS, _all(S.SUCCESS, "size")),
    "until": Ending(S.SUCCESS, _all(S.SUCCESS, "loop", "say")),
    "mended": Ending(S.SUCCESS, _all(S.SUCCESS, "first", "fails_once", "last"), asks={S.FAILED: i.Restart()}),
    "endless": Ending(S.KILLED, _all(S.KILLED, "long")),
    "killed_from_above": Ending(S.KILLED, _all(S.KILLED, "call"), children={"endless": 1}, asks={S.RUNNING: i.Kill()}),
}
"""Flow -> how it ends. A child of `killed_with_child` is killed as all executions of `killed` are, and so its caller ends too."""
STARTED = tuple(flow for flow in ENDINGS if flow not in {"endless", "of_a_batch"})
LIMIT = 4
"""How many executions of `limited` may run at once."""
WRITERS = frozenset({"b", "first", "last", "say", "second", "sorry", "tell", "tidy"})
"""Tasks that write a line each time they run."""
