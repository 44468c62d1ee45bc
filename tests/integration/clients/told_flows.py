"""Flows whose runs are told of in every way that there is: name -> (text, options of `run`, exit code)."""

from collections.abc import Sequence

PATH = "FLOW"
"""Stands for the file with the flow among the options."""

LOG = "io.kestra.plugin.core.log.Log"
RETURN = "io.kestra.plugin.core.debug.Return"
FAIL = "io.kestra.plugin.core.execution.Fail"
SHELL = "type: io.kestra.plugin.scripts.shell.Commands, taskRunner: {type: io.kestra.plugin.core.runner.Process}"
FLOW = "io.kestra.plugin.core.flow"
PAUSE = f"""
tasks:
  - {{id: wait, type: {FLOW}.Pause, onResume: [{{id: ok, type: BOOL, defaults: true}}]}}
  - {{id: then, type: {RETURN}, format: "{{{{ outputs.wait.onResume.ok }}}}"}}
"""

FLOWS: dict[str, tuple[str, Sequence[str], int]] = {
    "success": (
        f"""
description: Says hello.
labels: {{team: core, env: test}}
variables: {{greeting: Hello}}
inputs: [{{id: name, type: STRING, defaults: world}}]
tasks:
  - {{id: say, type: {LOG}, message: ["{{{{ vars.greeting }}}}, {{{{ inputs.name }}}}!", "two\\nlines"], level: WARN}}
  - {{id: off, type: {LOG}, message: never, disabled: true}}
  - {{id: skipped, type: {LOG}, message: never, runIf: "{{{{ false }}}}"}}
  - {{id: give, type: {RETURN}, format: "{{{{ inputs.name | upper }}}}"}}
  - {{id: count, type: io.kestra.plugin.core.metric.Publish, metrics: [{{name: n, type: counter, value: 2, tags: {{a: b}}}}, {{name: t, type: timer, value: PT2S}}]}}
outputs: [{{id: name, type: STRING, value: "{{{{ outputs.give.value }}}}"}}]
""",
        ("-i", "name=Ada", "-l", "owner=me"),
        0,
    ),
    "failure": (
        f"""
tasks:
  - {{id: first, type: {LOG}, message: before}}
  - {{id: fails, type: {FAIL}, errorMessage: "no way"}}
  - {{id: never, type: {LOG}, message: never}}
errors: [{{id: mend, type: {LOG}, message: "after {{{{ task.id }}}}"}}]
finally: [{{id: tidy, type: {LOG}, message: tidied}}]
afterExecution: [{{id: last, type: {LOG}, message: "{{{{ execution.state }}}}"}}]
""",
        (),
        1,
    ),
    "warning": (f"tasks: [{{id: fails, type: {FAIL}, allowFailure: true}}, {{id: on, type: {LOG}, message: goes on}}]", (), 0),
    "cancelled": ("tasks: [{id: leave, type: io.kestra.plugin.core.execution.Exit, state: CANCELLED}]", (), 1),
    "killed": ("tasks: [{id: leave, type: io.kestra.plugin.core.execution.Exit, state: KILLED}]", (), 1),
    "expression": (f"tasks: [{{id: bad, type: {RETURN}, format: '{{{{ nothing.at.all }}}}'}}]", (), 1),
    "retried": (
        f"""
tasks: [{{id: again, type: {FAIL}, retry: {{type: constant, interval: PT0.05S, maxAttempts: 3}}}}]
errors: [{{id: told, type: {LOG}, message: "{{{{ taskrun.attemptsCount }}}}"}}]
""",
        (),
        1,
    ),
    "retried_whole": (
        f"retry: {{type: constant, interval: PT0.05S, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}}\ntasks: [{{id: a, type: {FAIL}}}]",
        (),
        1,
    ),
    "pause": (
        PAUSE,
        (),
        4,
    ),
    "resumed": (
        PAUSE,
        ("--on-pause", "resume"),
        0,
    ),
    "not_resumed": (
        f"tasks:\n  - {{id: wait, type: {FLOW}.Pause, onResume: [{{id: ok, type: BOOL}}]}}",
        ("--on-pause", "resume"),
        4,
    ),
    "timeout": (f"tasks: [{{id: wait, type: {FLOW}.Pause}}]", ("--on-pause", "wait", "--timeout", "PT5S"), 3),
    "inputs": (
        f"""
inputs:
  - {{id: i, type: INT}}
  - {{id: f, type: FLOAT}}
  - {{id: b, type: BOOL}}
  - {{id: d, type: DATETIME}}
  - {{id: du, type: DURATION}}
  - {{id: j, type: JSON}}
  - {{id: a, type: ARRAY, itemType: INT}}
  - {{id: s, type: SELECT, values: [x, y], defaults: y}}
  - {{id: m, type: MULTISELECT, values: [x, y], defaults: [x]}}
  - {{id: file, type: FILE}}
  - {{id: none, type: STRING, required: false}}
tasks:
  - {{id: all, type: {RETURN}, format: "{{{{ inputs | toJson }}}}"}}
  - {{id: content, type: {RETURN}, format: "{{{{ read(inputs.file) }}}}"}}
outputs:
  - {{id: content, type: STRING, value: "{{{{ outputs.content.value }}}}"}}
  - {{id: file, type: FILE, value: "{{{{ inputs.file }}}}"}}
  - {{id: j, type: JSON, value: "{{{{ inputs.j }}}}"}}
""",
        tuple(
            f"-i{name}"
            for name in ("i=7", "f=1.5", "b=true", "d=2024-01-01T00:00:00Z", "du=PT5M6S", 'j={"a": [1, 2]}', "a=[1, 2]", f"file=@{PATH}")
        ),
        0,
    ),
    "for_each": (
        f"""
tasks:
  - id: each
    type: {FLOW}.ForEach
    values: [a, b, "{{{{ 'c' | upper }}}}"]
    tasks:
      - {{id: one, type: {RETURN}, format: "{{{{ taskrun.value }}}} {{{{ taskrun.iteration }}}}"}}
      - {{id: two, type: {FLOW}.If, condition: "{{{{ taskrun.value == 'b' }}}}", then: [{{id: yes, type: {LOG}, message: "it is b"}}]}}
outputs: [{{id: a, type: JSON, value: "{{{{ outputs.one }}}}"}}]
""",
        (),
        0,
    ),
    "rounds": (
        f"""
tasks:
  - id: until
    type: {FLOW}.LoopUntil
    condition: "{{{{ outputs.until.iterationCount >= 2 }}}}"
    checkFrequency: {{interval: PT0.05S, maxIterations: 5}}
    tasks: [{{id: one, type: {RETURN}, format: "{{{{ taskrun.iteration }}}}"}}]
  - {{id: choose, type: {FLOW}.Switch, value: x, cases: {{x: [{{id: x, type: {LOG}, message: is x}}]}}, defaults: [{{id: y, type: {LOG}, message: n}}]}}
""",
        (),
        0,
    ),
    "side_by_side": (
        f"""
tasks:
  - id: beside
    type: {FLOW}.Parallel
    tasks:
      - {{id: left, type: {LOG}, message: left}}
      - {{id: right, type: {FLOW}.Sequential, tasks: [{{id: r1, type: {LOG}, message: r1}}, {{id: r2, type: {FAIL}}}]}}
  - {{id: never, type: {LOG}, message: never}}
""",
        (),
        1,
    ),
    "graph": (
        f"""
tasks:
  - id: dag
    type: {FLOW}.Dag
    tasks:
      - {{task: {{id: last, type: {LOG}, message: last}}, dependsOn: [first]}}
      - {{task: {{id: first, type: {LOG}, message: first}}}}
""",
        (),
        0,
    ),
    "subflow": (
        f"""
tasks:
  - {{id: call, type: {FLOW}.Subflow, namespace: tests.told, flowId: subflow_child, inputs: {{n: 3}}, labels: {{by: me}}}}
  - {{id: got, type: {LOG}, message: "{{{{ outputs.call.outputs.twice }}}}"}}
  - {{id: fails, type: {FLOW}.Subflow, namespace: tests.told, flowId: subflow_fails}}
---
id: subflow_child
namespace: tests.told
inputs: [{{id: n, type: INT}}]
tasks: [{{id: say, type: {LOG}, message: "{{{{ inputs.n }}}}"}}]
outputs: [{{id: twice, type: INT, value: "{{{{ inputs.n * 2 }}}}"}}]
---
id: subflow_fails
namespace: tests.told
tasks: [{{id: fails, type: {FAIL}, errorMessage: "from below"}}]
""",
        (),
        1,
    ),
    "batches": (
        f"""
tasks:
  - {{id: write, type: io.kestra.plugin.core.storage.Write, content: "a\\nb\\nc\\n"}}
  - {{id: each, type: {FLOW}.ForEachItem, items: "{{{{ outputs.write.uri }}}}", batch: {{rows: 2}}, namespace: tests.told, flowId: batches_child, inputs: {{f: "{{{{ taskrun.items }}}}"}}}}
---
id: batches_child
namespace: tests.told
inputs: [{{id: f, type: FILE}}]
tasks: [{{id: read, type: {LOG}, message: "{{{{ read(inputs.f) | length }}}}"}}]
""",
        (),
        0,
    ),
    "directory": (
        f"""
tasks:
  - id: together
    type: {FLOW}.WorkingDirectory
    inputFiles: {{in.txt: hello}}
    outputFiles: ["*.out"]
    tasks:
      - {{id: write, {SHELL}, commands: ["cat in.txt > a.out", "echo '::{{\\"outputs\\":{{\\"n\\":1}}}}::'", "echo to stderr >&2"]}}
      - {{id: read, {SHELL}, commands: ["cat a.out"]}}
outputs: [{{id: file, type: FILE, value: "{{{{ outputs.together.outputFiles['a.out'] }}}}"}}]
""",
        (),
        0,
    ),
    "script_fails": (f"tasks: [{{id: s, {SHELL}, commands: ['echo out', 'exit 3']}}]", (), 1),
    "limited": (f"concurrency: {{limit: 1, behavior: CANCEL}}\ntasks: [{{id: a, type: {LOG}, message: one at a time}}]", (), 0),
    "agreement": (
        f"""
sla: [{{id: fast, type: EXECUTION_ASSERTION, assert: "{{{{ false }}}}", behavior: NONE, labels: {{late: "yes"}}}}]
tasks: [{{id: a, type: {LOG}, message: one}}]
""",
        (),
        0,
    ),
    "big": (
        f"""
tasks:
  - {{id: big, type: {RETURN}, format: "{{{{ range(1, 30000) | join('-') }}}}"}}
  - {{id: size, type: {RETURN}, format: "{{{{ outputs.big.value | length }}}}"}}
outputs: [{{id: big, type: STRING, value: "{{{{ outputs.big.value }}}}"}}]
""",
        (),
        0,
    ),
    "keys": (
        """
tasks:
  - {id: set, type: io.kestra.plugin.core.kv.Set, key: k, value: '{"a": 1}'}
  - {id: get, type: io.kestra.plugin.core.kv.Get, key: k}
  - {id: vars, type: io.kestra.plugin.core.execution.SetVariables, variables: {x: "{{ kv('k').a }}"}}
  - {id: labels, type: io.kestra.plugin.core.execution.Labels, labels: {x: "{{ vars.x }}"}}
outputs: [{id: x, type: STRING, value: "{{ vars.x }}"}]
""",
        (),
        0,
    ),
    "unknown_type": ("tasks: [{id: a, type: io.kestra.plugin.core.log.Lgo, message: x}, {id: a, type: nowhere.Task}]", (), 2),
    "no_yaml": ("tasks: [", (), 2),
    "disabled": (f"disabled: true\ntasks: [{{id: a, type: {LOG}, message: x}}]", (), 2),
    "twins": (f"tasks: [{{id: a, type: {LOG}, message: x}}]\n---\nid: twins\nnamespace: tests.told\ntasks: []", (), 2),
    "bad_inputs": (
        f"inputs: [{{id: n, type: INT}}, {{id: m, type: INT, max: 3}}, {{id: o, type: STRING}}]\ntasks: [{{id: a, type: {LOG}, message: x}}]",
        ("-i", "n=many", "-i", "m=4"),
        2,
    ),
    "unknown_input": (f"tasks: [{{id: a, type: {LOG}, message: x}}]", ("-i", "x=1"), 2),
    "no_flow_to_call": (f"tasks: [{{id: call, type: {FLOW}.Subflow, namespace: tests.told, flowId: is_not_there}}]", (), 1),
    "refused_by_a_check": (
        f"checks: [{{condition: '{{{{ false }}}}', message: not today}}]\ntasks: [{{id: a, type: {LOG}, message: x}}]",
        (),
        2,
    ),
    "bad_label": (f"tasks: [{{id: a, type: {LOG}, message: x}}]", ("-l", "nonsense"), 2),
}
