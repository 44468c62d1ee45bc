"""History: events in whatever order and however often, the states of an execution out; what is lost is told."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.history import History, Moment, history_of
from kestra_stream.models.state import S, State

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = Execution("one", "a.b", "flow", 1, State.created(NOW))
RUN = TaskRun("run", "task", State.created(NOW))


def moment(sequence: int, head: Execution | None = None, *runs: TaskRun, finished: bool = False, removed: tuple[str, ...] = ()) -> Moment:
    return Moment(ExecutionEvent("one", sequence, head, runs, removed, finished), NOW + timedelta(seconds=sequence))


MOMENTS = (
    moment(1, HEAD),
    moment(2, HEAD.with_state(S.RUNNING, NOW), RUN),
    moment(3, None, RUN.with_state(S.RUNNING, NOW)),
    moment(4, HEAD.with_state(S.FAILED, NOW), finished=True),
    moment(5, HEAD.with_state(S.RESTARTED, NOW), removed=("run",)),
)


def test_events_stand_in_their_order_whatever_order_they_come_in() -> None:
    for order in permutations(MOMENTS):
        assert history_of(order) == History(MOMENTS)


def test_each_event_leads_to_the_state_that_was() -> None:
    history = history_of(MOMENTS)
    states = [history.until(number) for number in range(6)]
    assert [folded.head and folded.head.state.current for folded in states] == [
        None,
        S.CREATED,
        S.RUNNING,
        S.RUNNING,
        S.FAILED,
        S.RESTARTED,
    ]
    assert [[run.state.current for run in folded.listed()] for folded in states] == [[], [], [S.CREATED], [S.RUNNING], [S.RUNNING], []]
    assert [folded.is_finished for folded in states] == [False, False, False, False, True, False]


def test_gaps_are_told() -> None:
    history = history_of([MOMENTS[1], MOMENTS[4]])
    assert (history.missing, history.last) == (((1, 1), (3, 4)), 5)
    assert history.moment(3) is None
    assert history.moment(2) == MOMENTS[1]
    assert history.moment(0) is None
    assert history_of([]) == History()
    assert history_of([]).last == 0


def test_what_comes_twice_counts_once_and_what_contradicts_it_is_told() -> None:
    other = moment(2, HEAD.with_state(S.KILLED, NOW))
    history = history_of([MOMENTS[0], MOMENTS[0], MOMENTS[1], other])
    assert (history.moments, history.repeated, history.contradicted) == (MOMENTS[:2], (1, 2), (2,))


def test_a_moment_in_time_is_the_last_event_that_the_log_had_taken() -> None:
    history = history_of(MOMENTS)
    assert history.at(NOW) is None
    assert history.at(NOW + timedelta(seconds=3.5)) == MOMENTS[2]
    assert history.at(NOW + timedelta(days=1)) == MOMENTS[4]
