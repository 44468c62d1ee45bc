"""Requests of a client that may never be answered."""

from threading import Event, current_thread
from threading import enumerate as threads

import pytest

from kestra_stream.errors import Unavailable
from kestra_stream.queue.kafka.clients.overdue import Overdue, Requests
from tests.unit.assembly.polling import until

LONG = 5.0


def is_running(name: str) -> bool:
    return any(thread.name == name for thread in threads())


def test_a_request_is_made_in_another_thread_and_its_error_is_raised_here() -> None:
    requests = Requests("answers")
    made: list[str] = []

    def fail() -> None:
        raise Unavailable("the broker is away")

    requests.make(lambda: made.append(current_thread().name), LONG)
    with pytest.raises(Unavailable, match="the broker is away"):
        requests.make(fail, LONG)
    requests.make(lambda: made.append(current_thread().name), LONG)
    assert made == ["answers", "answers"]
    requests.close()
    until(lambda: not is_running("answers"), LONG)


def test_one_that_does_not_return_is_left_behind_and_its_late_answer_is_nobodys() -> None:
    requests, gate = Requests("late"), Event()

    def never() -> None:
        gate.wait(LONG)
        raise Unavailable("too late")

    with pytest.raises(Overdue, match=r"0\.01 s"):
        requests.make(never, 0.01)
    made: list[int] = []
    requests.make(lambda: made.append(1), LONG)
    gate.set()
    requests.make(lambda: made.append(2), LONG)
    assert made == [1, 2]
    requests.close()
    until(lambda: not is_running("late"), LONG)
