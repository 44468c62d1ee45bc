"""What holds for every built-in type: its name, its examples, its documentation."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from kestra_stream.models.conditions import Condition
from kestra_stream.models.task import Plugin
from kestra_stream.models.trigger import Trigger
from kestra_stream.plugin.documentation import documentation, output_of
from kestra_stream.plugin.flow_source import parse_flows
from kestra_stream.plugin.registry import default_registry
from tests.unit.plugin.core.written import as_condition, as_task, as_trigger, measures_of

SPECIFIED = [
    "flow.Sequential",
    "flow.Parallel",
    "flow.Dag",
    "flow.ForEach",
    "flow.EachSequential",
    "flow.EachParallel",
    "flow.If",
    "flow.Switch",
    "flow.AllowFailure",
    "flow.WorkingDirectory",
    "flow.Pause",
    "flow.LoopUntil",
    "flow.WaitFor",
    "flow.Subflow",
    "flow.ForEachItem",
    "flow.Sleep",
    "flow.Template",
    "execution.Fail",
    "execution.Exit",
    "execution.Labels",
    "execution.SetVariables",
    "execution.UnsetVariables",
    "execution.Assert",
    "execution.Count",
    "execution.PurgeExecutions",
    "execution.Resume",
    "log.Log",
    "log.Fetch",
    "log.PurgeLogs",
    "debug.Return",
    "debug.Echo",
    "output.OutputValues",
    "metric.Publish",
    "templating.TemplatedTask",
    "http.Request",
    "http.Download",
    "http.Trigger",
    "storage.Write",
    "storage.Concat",
    "storage.Size",
    "storage.Delete",
    "storage.Split",
    "storage.LocalFiles",
    "storage.DeduplicateItems",
    "storage.FilterItems",
    "storage.Reverse",
    "storage.PurgeCurrentExecutionFiles",
    "storage.Purge",
    "kv.Set",
    "kv.Get",
    "kv.GetKeys",
    "kv.Delete",
    "kv.PurgeKV",
    "namespace.UploadFiles",
    "namespace.DownloadFiles",
    "namespace.DeleteFiles",
    "state.Set",
    "state.Get",
    "state.Delete",
    "condition.DateTimeBetween",
    "condition.TimeBetween",
    "condition.DayWeek",
    "condition.DayWeekInMonth",
    "condition.Weekend",
    "condition.PublicHoliday",
    "condition.Not",
    "condition.Or",
    "condition.Expression",
    "condition.ExecutionFlow",
    "condition.ExecutionNamespace",
    "condition.ExecutionLabels",
    "condition.ExecutionOutputs",
    "condition.ExecutionStatus",
    "condition.FlowCondition",
    "condition.FlowNamespaceCondition",
    "condition.HasRetryAttempt",
    "condition.MultipleCondition",
    "trigger.Schedule",
    "trigger.ScheduleOnDates",
    "trigger.Webhook",
    "trigger.Flow",
    "trigger.Toggle",
]

OLDER = [
    "io.kestra.core.tasks.flows.Sequential",
    "io.kestra.core.tasks.flows.EachSequential",
    "io.kestra.core.tasks.flows.Template",
    "io.kestra.core.tasks.log.Log",
    "io.kestra.core.tasks.debugs.Return",
    "io.kestra.core.tasks.debugs.Echo",
    "io.kestra.core.tasks.executions.Fail",
    "io.kestra.core.tasks.executions.Counts",
    "io.kestra.core.tasks.storages.Concat",
    "io.kestra.core.tasks.states.Set",
    "io.kestra.core.tasks.trigger.Toggle",
    "io.kestra.core.models.triggers.types.Schedule",
    "io.kestra.core.models.triggers.types.Webhook",
    "io.kestra.core.models.triggers.types.Flow",
    "io.kestra.core.models.conditions.types.ExecutionStatusCondition",
    "io.kestra.core.models.conditions.types.MultipleCondition",
    "io.kestra.plugin.core.condition.ExecutionStatusCondition",
    "io.kestra.plugin.core.condition.NotCondition",
    "io.kestra.plugin.core.condition.VariableCondition",
    "io.kestra.plugin.core.flow.Flow",
    "io.kestra.plugin.core.flow.Worker",
    "io.kestra.plugin.core.storage.Purge",
    "io.kestra.plugin.core.storage.PurgeExecution",
    "io.kestra.core.models.tasks.runners.types.ProcessTaskRunner",
    "io.kestra.plugin.fs.http.Request",
    "io.kestra.plugin.fs.http.Download",
    "io.kestra.plugin.fs.http.Trigger",
]


def built_in() -> list[type[Plugin]]:
    registry = default_registry()
    seen: dict[str, type[Plugin]] = {}
    for name in registry.names():
        if name.startswith("io.kestra."):
            cls = registry.resolve(name).cls
            if cls.__module__.startswith("kestra_stream.plugin."):
                seen[cls.type_name] = cls
    return [seen[name] for name in sorted(seen)]


BUILT_IN = built_in()


@pytest.mark.parametrize("name", SPECIFIED)
def test_every_type_of_the_language_is_there(name: str) -> None:
    assert default_registry().resolve(f"io.kestra.plugin.core.{name}").cls.type_name.startswith("io.kestra.plugin.core.")


@pytest.mark.parametrize("name", OLDER)
def test_older_names_mean_the_same(name: str) -> None:
    resolved = default_registry().resolve(name)
    assert resolved.is_alias
    assert name in resolved.cls.aliases


def test_an_entry_point_leads_to_the_class_that_has_the_name() -> None:
    registry = default_registry()
    wrong = [
        name
        for name in registry.names()
        if name.startswith("io.kestra.") and name not in {(cls := registry.resolve(name).cls).type_name, *cls.aliases}
    ]
    assert wrong == []


def test_every_name_of_a_class_has_an_entry_point() -> None:
    names = set(default_registry().names())
    assert {name for cls in BUILT_IN for name in (cls.type_name, *cls.aliases)} - names == set()


@pytest.mark.parametrize("cls", BUILT_IN, ids=lambda cls: cls.type_name)
def test_every_example_is_a_valid_flow(cls: type[Plugin]) -> None:
    examples: tuple[str, ...] = getattr(cls, "examples", ())
    assert examples
    wrap = as_condition if issubclass(cls, Condition) else as_trigger if issubclass(cls, Trigger) else as_task
    for example in examples:
        assert cls.type_name in example
        (parsed,) = parse_flows(wrap(example))
        assert parsed.faults == ()


def models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a property is made of, plugins left out."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and not issubclass(annotation, Plugin):
        yield annotation
    for arg in get_args(annotation):
        yield from models_of(arg)


def silent(cls: type[BaseModel], seen: set[type]) -> list[str]:
    """Properties without a description, those of the models inside included."""
    seen.add(cls)
    found = [f"{cls.__name__}.{name}" for name, field in cls.model_fields.items() if not field.description]
    inside = {one for field in cls.model_fields.values() for one in models_of(field.annotation)}
    return found + [name for one in inside - seen if one.__module__ != "kestra_stream.models.input" for name in silent(one, seen)]


@pytest.mark.parametrize("cls", BUILT_IN, ids=lambda cls: cls.type_name)
def test_every_property_and_output_says_what_it_means(cls: type[Plugin]) -> None:
    assert cls.__doc__
    assert silent(cls, set()) == []
    output = output_of(cls)
    assert output is None or silent(output, set()) == []


@pytest.mark.parametrize("cls", BUILT_IN, ids=lambda cls: cls.type_name)
def test_the_documentation_of_a_type_is_for_people(cls: type[Plugin]) -> None:
    page = documentation(default_registry().resolve(cls.type_name))
    names = [f"| `{field.alias or name}` |" for name, field in cls.model_fields.items()]
    names += [f"| `{one.name}` | {one.type.value} |" for one in measures_of(cls)]
    assert [name for name in names if name not in page] == []
    assert [word for word in ("Validator", "function", "PydanticUndefined", "Property(", "object at", "<class") if word in page] == []


def test_a_plugin_loads_what_is_slow_only_when_it_runs() -> None:
    program = (
        "import sys; from kestra_stream.plugin.registry import default_registry as r; "
        "[r().resolve(name) for name in r().names() if name.startswith('io.kestra.plugin.core.')]; "
        "print([name for name in ('httpx', 'holidays', 'cronsim', 'amazon') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - a fixed program
    assert done.stdout.strip() == "[]"
