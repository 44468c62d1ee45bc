"""Flows in which much happens at once: what the laws of the engine are tested on."""

LOG = "type: io.kestra.plugin.core.log.Log, message: x"
FLOW = "io.kestra.plugin.core.flow"

CHILD = f"""
id: child
namespace: t.t
concurrency: {{limit: 1}}
tasks:
  - {{id: c1, {LOG}}}
outputs:
  - {{id: answer, type: STRING, value: "42"}}
"""

PARALLEL = f"""
id: parallel
namespace: t.t
tasks:
  - id: p
    type: {FLOW}.Parallel
    tasks:
      - {{id: flaky, {LOG}, retry: {{type: constant, interval: PT1S, maxAttempts: 3}}}}
      - id: each
        type: {FLOW}.ForEach
        values: [1, 2, 3]
        concurrencyLimit: 2
        tasks:
          - {{id: e1, {LOG}}}
          - {{id: e2, {LOG}}}
      - {{id: wait, type: {FLOW}.Pause, pauseDuration: PT5S}}
      - {{id: sub, type: {FLOW}.Subflow, namespace: t.t, flowId: child}}
  - {{id: last, {LOG}}}
errors:
  - {{id: handle, {LOG}}}
finally:
  - {{id: tidy, {LOG}}}
afterExecution:
  - {{id: after, {LOG}}}
"""

NESTED = f"""
id: nested
namespace: t.t
tasks:
  - id: dag
    type: {FLOW}.Dag
    tasks:
      - task: {{id: d1, {LOG}}}
      - task: {{id: d2, {LOG}}}
        dependsOn: [d1]
      - task:
          id: guard
          type: {FLOW}.AllowFailure
          tasks:
            - id: loop
              type: {FLOW}.LoopUntil
              condition: "{{{{ outputs.loop.iterationCount >= 3 }}}}"
              checkFrequency: {{interval: PT1S}}
              tasks:
                - {{id: body, {LOG}}}
            - {{id: flaky, {LOG}}}
          errors:
            - {{id: local, {LOG}}}
        dependsOn: [d1]
  - id: choice
    type: {FLOW}.Switch
    value: "a"
    cases:
      a:
        - id: branch
          type: {FLOW}.If
          condition: "{{{{ tasks.d1.state == 'SUCCESS' }}}}"
          then: [{{id: yes_, {LOG}}}]
          else: [{{id: no_, {LOG}}}]
  - id: subs
    type: {FLOW}.ForEach
    values: [a, b]
    concurrencyLimit: 0
    tasks:
      - {{id: call, type: {FLOW}.Subflow, namespace: t.t, flowId: child}}
"""

FAILING = f"""
id: failing
namespace: t.t
tasks:
  - id: p
    type: {FLOW}.Parallel
    tasks:
      - {{id: flaky, {LOG}, retry: {{type: constant, interval: PT1S, maxAttempts: 2}}}}
      - {{id: sub, type: {FLOW}.Subflow, namespace: t.t, flowId: child}}
      - id: seq
        type: {FLOW}.Sequential
        tasks:
          - {{id: s1, {LOG}}}
          - {{id: s2, {LOG}}}
        errors:
          - {{id: local, {LOG}}}
        finally:
          - {{id: swept, {LOG}}}
errors:
  - {{id: handle, {LOG}}}
finally:
  - {{id: tidy, {LOG}}}
"""

IN_LINE = f"""
id: in_line
namespace: t.t
concurrency: {{limit: 1, behavior: QUEUE}}
sla:
  - {{id: quick, type: MAX_DURATION, duration: PT1H, behavior: FAIL}}
retry: {{type: exponential, interval: PT1S, maxInterval: PT10S, maxAttempts: 4}}
tasks:
  - {{id: flaky, {LOG}}}
  - {{id: label, type: io.kestra.plugin.core.execution.Labels, labels: {{a: b}}}}
  - {{id: set, type: io.kestra.plugin.core.execution.SetVariables, variables: {{v: 1}}}}
  - {{id: approve, type: {FLOW}.Pause, pauseDuration: PT2S}}
  - {{id: done, {LOG}}}
"""

BATCHES = f"""
id: batches
namespace: t.t
inputs:
  - {{id: rows, type: STRING, defaults: "kestra:///rows.ion"}}
tasks:
  - id: items
    type: {FLOW}.ForEachItem
    items: "{{{{ inputs.rows }}}}"
    namespace: t.t
    flowId: child
    errors:
      - {{id: local, {LOG}}}
  - {{id: last, {LOG}}}
errors:
  - {{id: handle, {LOG}}}
"""

NEW_EXECUTION = f"""
id: new_execution
namespace: t.t
tasks:
  - id: seq
    type: {FLOW}.Sequential
    tasks:
      - {{id: flaky, {LOG}, retry: {{type: constant, interval: PT1S, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}}}}
      - {{id: s2, {LOG}}}
"""

APPROVALS = f"""
id: approvals
namespace: t.t
tasks:
  - id: p
    type: {FLOW}.Parallel
    tasks:
      - id: first
        type: {FLOW}.Pause
        pauseDuration: PT10S
        behavior: WARN
        onPause: {{id: told, {LOG}}}
        tasks:
          - {{id: inside, {LOG}}}
      - {{id: second, type: {FLOW}.Pause, timeout: PT30S}}
      - {{id: flaky, {LOG}, retry: {{type: constant, interval: PT3S, maxAttempts: 2}}, allowFailure: true}}
  - {{id: last, {LOG}}}
"""

OF_ONE = (PARALLEL, NESTED, FAILING, IN_LINE, BATCHES, NEW_EXECUTION, APPROVALS)
NAMES = ("parallel", "nested", "failing", "in_line", "batches", "new_execution", "approvals")
