"""The tables of the engine have a place for everything that may come."""

from typing import get_args

from kestra_stream.engine.decide import FOLDS, TIMERS, WORK
from kestra_stream.engine.state import WorkKind
from kestra_stream.models.execution_input import ExecutionInput
from kestra_stream.models.stored_state import TimerKind


def test_every_input_timer_and_piece_of_work_has_its_place() -> None:
    assert set(FOLDS) == set(get_args(ExecutionInput))
    assert set(TIMERS) == set(TimerKind)
    assert set(WORK) == set(WorkKind)
