"""What every repository promises. Inherit `RepositoryContract`, set `__test__ = True` and supply the fixture `repository`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kestra_stream.errors import Invalid
from kestra_stream.models.execution import Execution, ExecutionTrigger, Label, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.state import State, StateType
from kestra_stream.repository.interface import Repository
from kestra_stream.repository.query import Filter, Operator, Page, Sort
from kestra_stream.testing.contracts.repository_entries import FlowsContract, NamesContract, RecordsContract

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ALL = Page(1, 1000)
_numbers = count()
_PROPERTY = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
)


def execution(execution_id: str, minute: int = 0, **changes: Any) -> Execution:
    """Return a head created at that minute; `changes` replace its fields."""
    head = Execution(execution_id, "company.team", "flow", 1, State.created(NOW + timedelta(minutes=minute)))
    return replace(head, **changes)


def task_run(run_id: str, second: int = 0, state: StateType = StateType.CREATED, life: int = 0) -> TaskRun:
    """Return a run of a life that began at that minute, changed at that second."""
    born = NOW + timedelta(minutes=life)
    return TaskRun(run_id, f"task-{run_id}", State.created(born).to(state, born + timedelta(seconds=second)))


@dataclass(frozen=True, slots=True)
class History:
    """Events of one execution as its log has them, and the order in which they come."""

    events: tuple[ExecutionEvent, ...]
    deliveries: tuple[int, ...]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw a history (runs come, change, go and come again in a new life) and deliveries: each event at least once, in any order."""
    events: list[ExecutionEvent] = []
    lives = dict.fromkeys("abcd", 0)
    gone = set("abcd")
    for sequence in range(1, draw(st.integers(1, 8)) + 1):
        told = draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=3))
        removed = draw(st.lists(st.sampled_from([name for name in "abcd" if name not in told]), unique=True, max_size=2))
        for name in told:
            if name in gone:
                lives[name] = sequence
        gone = (gone - set(told)) | set(removed)
        head = execution("", minute=0, attempt_number=sequence) if draw(st.booleans()) else None
        runs = tuple(task_run(name, sequence, StateType.RUNNING, lives[name]) for name in told)
        events.append(ExecutionEvent("", sequence, head, runs, tuple(removed)))
    numbers = list(range(len(events)))
    return History(tuple(events), tuple(draw(st.permutations(numbers + draw(st.lists(st.sampled_from(numbers), max_size=5))))))


def of_execution(events: Iterable[ExecutionEvent], execution_id: str) -> list[ExecutionEvent]:
    """Return the events as those of another execution."""
    return [
        replace(event, execution_id=execution_id, execution=replace(event.execution, id=execution_id) if event.execution else None)
        for event in events
    ]


class _Events:
    """How events become documents."""

    def test_the_newest_head_and_runs_are_kept(self, repository: Repository) -> None:
        """An event changes what it tells of, and nothing else."""
        executions = repository.executions
        head = execution("e")
        executions.apply([ExecutionEvent("e", 1, head, (task_run("a"), task_run("b")))])
        executions.apply([ExecutionEvent("e", 2, None, (task_run("a", 1, StateType.RUNNING),)), ExecutionEvent("e", 3, removed=("b",))])
        assert executions.get("e") == head
        assert executions.task_runs("e") == (task_run("a", 1, StateType.RUNNING),)
        assert executions.sequence("e") == 3

    def test_an_unknown_execution_has_nothing(self, repository: Repository) -> None:
        """Neither head nor runs nor children."""
        executions = repository.executions
        assert executions.get("x") is None
        assert (executions.sequence("x"), len(executions.task_runs("x")), len(executions.children("x"))) == (0, 0, 0)
        assert not executions.delete("x")

    @_PROPERTY
    @given(history=histories())
    def test_the_order_of_events_and_their_duplicates_change_nothing(self, repository: Repository, history: History) -> None:
        """Events that come twice or in another order end in the same head, runs and order of runs."""
        straight, crooked = f"straight{next(_numbers)}", f"crooked{next(_numbers)}"
        executions = repository.executions
        executions.apply(of_execution(history.events, straight))
        for number in history.deliveries:
            executions.apply(of_execution([history.events[number]], crooked))
        assert executions.sequence(crooked) == executions.sequence(straight) == len(history.events)
        assert executions.task_runs(crooked) == executions.task_runs(straight)
        expected = executions.get(straight)
        assert executions.get(crooked) == (replace(expected, id=crooked) if expected else None)

    @_PROPERTY
    @given(history=histories(), cut=st.integers(0, 8))
    def test_a_batch_that_comes_again_changes_nothing(self, repository: Repository, history: History, cut: int) -> None:
        """Redelivery from any point on, as after a crash before the commit."""
        name = f"again{next(_numbers)}"
        events = of_execution(history.events, name)
        executions = repository.executions
        executions.apply(events)
        before = (executions.get(name), executions.task_runs(name), executions.sequence(name))
        executions.apply(events[cut:])
        assert (executions.get(name), executions.task_runs(name), executions.sequence(name)) == before

    def test_runs_stand_in_the_order_in_which_they_came(self, repository: Repository) -> None:
        """A change moves no run; one that comes again after its removal stands at the end."""
        executions = repository.executions
        executions.apply([ExecutionEvent("e", 1, execution("e"), tuple(map(task_run, "cab")))])
        executions.apply([ExecutionEvent("e", 2, None, (task_run("d"), task_run("c", 5)), ("a",))])
        executions.apply([ExecutionEvent("e", 3, None, (task_run("a", life=1),))])
        assert "".join(run.id for run in executions.task_runs("e")) == "cbda"
        assert "".join(run.id for run in executions.task_runs("e", Page(2, 3))) == "a"
        assert len(executions.task_runs("e", Page(3, 3))) == 0

    def test_a_deleted_execution_is_forgotten_with_its_runs(self, repository: Repository) -> None:
        """Others stay."""
        executions = repository.executions
        for name in ("a", "b"):
            executions.apply([ExecutionEvent(name, 1, execution(name), (task_run("r"),))])
        assert executions.delete("a")
        assert (executions.get("a"), executions.sequence("a"), len(executions.task_runs("a"))) == (None, 0, 0)
        assert [found.id for found in executions.search(Filter(), ALL).items] == ["b"]

    def test_children_are_those_whose_trigger_names_the_execution(self, repository: Repository) -> None:
        """Oldest first."""
        trigger = ExecutionTrigger("t", "Subflow", {"executionId": "parent"})
        heads = [execution("late", 2, trigger=trigger), execution("early", 1, trigger=trigger), execution("other", 0)]
        repository.executions.apply([ExecutionEvent(head.id, 1, head) for head in heads])
        assert list(repository.executions.children("parent")) == ["early", "late"]
        assert _found(repository, Filter().where("trigger_execution_id", "parent")) == ["late", "early"]


class _Searches:
    """What can be asked of executions."""

    @pytest.fixture
    def searched(self, repository: Repository) -> Repository:
        """Four executions, `a` to `d` by start date."""
        heads = [
            execution("a", 0, namespace="company", labels=(Label("team", "x"), Label("team", "y"))),
            execution("b", 1, namespace="company.team", flow_id="Other", labels=(Label("team", "z"),), kind="TEST"),
            execution("c", 2, namespace="company.team.sub", flow_revision=3),
            execution("d", 3, namespace="companyx", tenant_id="other"),
        ]
        heads[1] = heads[1].with_state(StateType.SUCCESS, NOW + timedelta(hours=1))
        heads[2] = heads[2].with_state(StateType.RUNNING, NOW + timedelta(hours=1))
        repository.executions.apply([ExecutionEvent(head.id, 1, head) for head in heads])
        return repository

    @pytest.mark.parametrize(
        ("field", "operator", "value", "expected"),
        [
            ("id", "EQUALS", "a", "a"),
            ("id", "IN", ["a", "c", "x"], "ca"),
            ("tenant_id", "NOT_EQUALS", "main", "d"),
            ("namespace", "EQUALS", "company", "a"),
            ("namespace", "PREFIX", "company", "cba"),
            ("namespace", "STARTS_WITH", "company", "dcba"),
            ("namespace", "ENDS_WITH", "team", "b"),
            ("namespace", "CONTAINS", "y.t", "cb"),
            ("namespace", "REGEX", r"^company\.\w+$", "b"),
            ("namespace", "IN", ["companyx", "company"], "da"),
            ("namespace", "NOT_IN", ["companyx", "company"], "cb"),
            ("flow_id", "EQUALS", "other", ""),
            ("flow_id", "EQUALS", "Other", "b"),
            ("flow_revision", "GREATER_THAN", 1, "c"),
            ("flow_revision", "EQUALS", 1, "dba"),
            ("state", "EQUALS", StateType.RUNNING, "c"),
            ("state", "IN", ["SUCCESS", "CREATED"], "dba"),
            ("state", "NOT_IN", ["SUCCESS", "CREATED"], "c"),
            ("start_date", "GREATER_THAN_OR_EQUAL_TO", NOW + timedelta(minutes=1), "dcb"),
            ("start_date", "LESS_THAN", NOW + timedelta(minutes=1), "a"),
            ("start_date", "LESS_THAN_OR_EQUAL_TO", NOW.astimezone(), "a"),
            ("end_date", "GREATER_THAN", NOW, "b"),
            ("labels.team", "EQUALS", "y", "a"),
            ("labels.team", "NOT_EQUALS", "y", "dcb"),
            ("labels.team", "IN", ["x", "z"], "ba"),
            ("labels.none", "EQUALS", "x", ""),
            ("kind", "EQUALS", "TEST", "b"),
            ("kind", "NOT_EQUALS", "TEST", "dca"),
            ("parent_id", "EQUALS", "x", ""),
        ],
    )
    def test_a_condition_finds_what_it_says(self, searched: Repository, field: str, operator: str, value: object, expected: str) -> None:
        """Newest first; None is no condition."""
        where = Filter().where(field, value, Operator(operator)).where("id", None)
        found = searched.executions.search(where, ALL)
        assert ("".join(head.id for head in found.items), found.total) == (expected, len(expected))

    def test_all_conditions_must_hold(self, searched: Repository) -> None:
        """Whichever of them an index covers."""
        where = Filter().where("namespace", "company", Operator.PREFIX).where("state", "CREATED").where("flow_revision", 1)
        assert _found(searched, where) == ["a"]
        assert _found(searched, where.where("state", "RUNNING")) == []

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ((), "dcba"),
            ((Sort("start_date"),), "abcd"),
            ((Sort("namespace"),), "abcd"),
            ((Sort("tenant_id", descending=True), Sort("namespace")), "dabc"),
            ((Sort("flow_revision"), Sort("start_date", descending=True)), "dbac"),
            ((Sort("tenant_id"),), "abcd"),
            ((Sort("tenant_id", descending=True),), "dcba"),
            ((Sort("end_date"),), "bacd"),
            ((Sort("end_date", descending=True),), "dcab"),
            ((Sort("labels.team"),), "abcd"),
        ],
    )
    def test_results_are_sorted(self, searched: Repository, sort: tuple[Sort, ...], expected: str) -> None:
        """Equal ones by id, those without a value last; the other way round when descending."""
        found = searched.executions.search(Filter(), Page(1, 10, sort))
        assert "".join(head.id for head in found.items) == expected

    def test_a_page_is_a_part_and_the_total_is_all(self, searched: Repository) -> None:
        """Beyond the end there is nothing."""
        pages = [searched.executions.search(Filter(), Page(number, 3)) for number in (1, 2, 3)]
        assert ["".join(head.id for head in page.items) for page in pages] == ["dcb", "a", ""]
        assert {page.total for page in pages} == {4}

    @pytest.mark.parametrize(
        ("field", "operator", "value", "remedy"),
        [
            ("colour", "EQUALS", "red", "namespace"),
            ("labels.", "EQUALS", "red", r"labels\.KEY"),
            ("state", "GREATER_THAN", "RUNNING", "EQUALS"),
            ("start_date", "CONTAINS", NOW, "LESS_THAN"),
            ("state", "LIKE", "RUNNING", "EQUALS"),
            ("start_date", "EQUALS", "yesterday", "moment"),
            ("start_date", "EQUALS", NOW.replace(tzinfo=None), "zone"),
            ("flow_revision", "EQUALS", "one", "number"),
            ("state", "IN", "RUNNING", "list"),
            ("state", "IN", [1], "text"),
            ("namespace", "REGEX", "(", "regular expression"),
        ],
    )
    def test_what_cannot_be_asked_is_refused(
        self, searched: Repository, field: str, operator: Operator, value: object, remedy: str
    ) -> None:
        """The message tells what can be."""
        with pytest.raises(Invalid, match=remedy):
            searched.executions.search(Filter().where(field, value, operator), ALL)

    @pytest.mark.parametrize("page", [Page(0), Page(1, 0), Page(1, 10, (Sort("colour"),))])
    def test_a_page_that_cannot_be_is_refused(self, searched: Repository, page: Page) -> None:
        """Pages count from 1, and sort by known fields."""
        with pytest.raises(Invalid):
            searched.executions.search(Filter(), page)

    def test_a_changed_head_is_found_by_what_it_is_now(self, searched: Repository) -> None:
        """Not by what it was."""
        head = searched.executions.get("a")
        assert head is not None
        searched.executions.apply([ExecutionEvent("a", 2, head.with_state(StateType.KILLED, NOW))])
        assert _found(searched, Filter().where("state", "CREATED")) == ["d"]
        assert _found(searched, Filter().where("state", "KILLED")) == ["a"]


class RepositoryContract(_Events, _Searches, RecordsContract, FlowsContract, NamesContract):
    """The suite. Every test wants an empty repository, in which what was written is found at once."""

    __test__ = False

    @pytest.fixture
    def repository(self) -> Repository:
        """Supply an empty repository."""
        raise TypeError("a member's test supplies its repository")


def _found(repository: Repository, where: Filter) -> list[str]:
    return [head.id for head in repository.executions.search(where, ALL).items]
