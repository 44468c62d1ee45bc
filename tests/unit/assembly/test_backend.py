"""Backends are opened as the settings say."""

from datetime import UTC, datetime
from pathlib import Path

from kestra_stream.assembly.backend import open_backend
from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.state import S, State
from kestra_stream.repository.query import Filter, Page
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.settings import load_settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_memory_repository_keeps_as_many_executions_as_is_set(tmp_path: Path) -> None:
    told = {"KESTRA_REPOSITORY_TYPE": "memory", "KESTRA_REPOSITORY_MOST_EXECUTIONS": "2", "KESTRA_STORAGE_LOCAL_BASE_PATH": str(tmp_path)}
    executions = open_backend(load_settings(None, told), SystemClock()).repository.executions
    for number in range(3):
        head = Execution(f"e{number}", "a.b", "f", 1, State.created(NOW).to(S.SUCCESS, NOW))
        executions.apply([ExecutionEvent(head.id, 1, head, finished=True)])
    assert {head.id for head in executions.search(Filter(), Page(1, 10)).items} == {"e1", "e2"}
