"""Tasks, triggers and conditions as a flow writes them."""

from textwrap import dedent, indent

from kestra_stream.models.conditions import Condition
from kestra_stream.models.task import Plugin, Task
from kestra_stream.models.trigger import Trigger
from kestra_stream.plugin.api import Measure, RunnableTask
from kestra_stream.plugin.flow_source import parse_flow, parse_flows

_HEAD = "id: f\nnamespace: company.team\n"
_NOTHING = "tasks:\n  - id: nothing\n    type: io.kestra.plugin.core.log.Log\n    message: nothing\n"
_TRIGGERED = "triggers:\n  - id: flow\n    type: io.kestra.plugin.core.trigger.Flow\n    conditions:\n      -\n"
CORE = "io.kestra.plugin.core."


def as_task(text: str) -> str:
    """A flow with one task."""
    return f"{_HEAD}tasks:\n  -\n{indent(dedent(text).strip(), '    ')}\n"


def as_trigger(text: str) -> str:
    """A flow with one trigger."""
    return f"{_HEAD}{_NOTHING}triggers:\n  -\n{indent(dedent(text).strip(), '    ')}\n"


def as_condition(text: str) -> str:
    """A flow with one condition on a trigger."""
    return f"{_HEAD}{_NOTHING}{_TRIGGERED}{indent(dedent(text).strip(), '          ')}\n"


def task(text: str) -> Task:
    """The task that YAML says."""
    return parse_flow(as_task(text)).tasks[0]


def core_task(kind: str, properties: str = "", task_id: str = "t") -> Task:
    """A task `io.kestra.plugin.core.{kind}` with these properties."""
    return task(f"id: {task_id}\ntype: {CORE}{kind}\n{dedent(properties).strip()}")


def trigger(text: str) -> Trigger:
    """The trigger that YAML says."""
    return parse_flow(as_trigger(text)).triggers[0]


def condition(text: str) -> Condition:
    """The condition that YAML says."""
    return parse_flow(as_condition(text)).triggers[0].conditions[0]


def faults(source: str) -> str:
    """What is wrong with a flow, one fault a line."""
    return "\n".join(str(fault) for one in parse_flows(source) for fault in one.faults)


def task_faults(kind: str, properties: str = "") -> str:
    """What is wrong with a task."""
    return faults(as_task(f"id: t\ntype: {CORE}{kind}\n{dedent(properties).strip()}"))


def trigger_faults(kind: str, properties: str = "") -> str:
    """What is wrong with a trigger."""
    return faults(as_trigger(f"id: t\ntype: {CORE}{kind}\n{dedent(properties).strip()}"))


def condition_faults(kind: str, properties: str = "") -> str:
    """What is wrong with a condition."""
    return faults(as_condition(f"type: {CORE}condition.{kind}\n{dedent(properties).strip()}"))


def measures_of(cls: type[Plugin]) -> tuple[Measure, ...]:
    """The metrics that the documentation of a type names."""
    return cls.measures if issubclass(cls, RunnableTask) else ()
