"""Search in memory costs what it may, and never longer."""

import time
from datetime import UTC, datetime

import pytest

from kestra_stream.errors import Invalid
from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import State
from kestra_stream.repository.fields import EXECUTION_FIELDS, FLOW_FIELDS, LOG_FIELDS, METRIC_FIELDS, Kind
from kestra_stream.repository.memory import memory_repository
from kestra_stream.repository.query import Filter, Operator, Page

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_pattern_that_explodes_is_stopped() -> None:
    repository = memory_repository()
    repository.logs.add([LogEntry("a", "e", "company", "flow", NOW, Level.INFO, "a" * 5000 + "!")])
    start = time.perf_counter()
    with pytest.raises(Invalid, match="too long"):
        repository.logs.search(Filter().where("message", r"^(\w+\s?)*$(?<=a)(a|aa)+$", Operator.REGEX), Page())
    assert time.perf_counter() - start < 5


def test_a_filter_that_names_a_rare_thing_reads_only_that() -> None:
    """An index over namespace, flow, state and parent: of thousands, one is compared."""
    repository = memory_repository()
    heads = [Execution(str(number), f"n{number % 1000}", "flow", 1, State.created(NOW)) for number in range(2000)]
    repository.executions.apply([ExecutionEvent(head.id, 1, head) for head in heads])
    where = Filter().where("namespace", "n7").where("flow_id", "flow")
    assert [head.id for head in repository.executions.search(where, Page()).items] == ["7", "1007"]
    assert repository.executions.search(Filter().where("namespace", "none"), Page()).total == 0


def test_an_index_is_not_asked_what_it_cannot_answer() -> None:
    """A wrong value is refused on an indexed field as on any other."""
    with pytest.raises(Invalid):
        memory_repository().executions.search(Filter().where("namespace", ["a"]), Page())


@pytest.mark.parametrize("fields", [EXECUTION_FIELDS, LOG_FIELDS, METRIC_FIELDS, FLOW_FIELDS])
def test_every_field_can_be_compared_for_equality(fields: dict[str, object]) -> None:
    for kind in Kind:
        assert {Operator.EQUALS, Operator.NOT_EQUALS, Operator.IN, Operator.NOT_IN} <= kind.value
    assert "tenant_id" in fields
