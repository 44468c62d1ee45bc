"""Runs and executions that enter another state keep all the rest: their constructors are spelled out, a field that is forgotten there is lost."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.state import S, State

NOW = datetime(2026, 1, 1, tzinfo=UTC)
T = TypeVar("T", Execution, TaskRun)


def filled(kind: type[T], **known: Any) -> T:
    """Fill each field with something that no other field has."""
    return kind(**{field.name: known.get(field.name, f"a {field.name}") for field in fields(kind)})


def test_an_execution_that_enters_a_state_keeps_the_rest() -> None:
    execution = filled(Execution, state=State.created(NOW))
    assert execution.with_state(S.RUNNING, NOW) == replace(execution, state=execution.state.to(S.RUNNING, NOW))


def test_a_task_run_that_goes_on_keeps_the_rest() -> None:
    run = filled(TaskRun, state=State.created(NOW), epoch=3, sent=True)
    running = run.state.to(S.RUNNING, NOW)
    assert run.with_state(S.RUNNING, NOW) == replace(run, state=running)
    assert run.with_state(S.FAILED, NOW) == replace(run, state=run.state.to(S.FAILED, NOW), sent=False)
    assert run.dispatched() == replace(run, epoch=4)
    assert run.with_result(running, (), {"a": 1}) == replace(run, state=running, attempts=(), outputs={"a": 1})
