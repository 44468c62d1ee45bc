"""An interruption is raised inside the work and nowhere else, and leaves the interpreter as it was."""

import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

import pytest

from kestra_stream.plugin.api import Stopped
from kestra_stream.worker.pool.interrupt import Interruptible


def listening(part: Interruptible) -> str:
    assert part.interrupt()
    while True:
        pass


def swallowing(part: Interruptible) -> str:
    try:
        return listening(part)
    except Stopped:
        return "swallowed"


def interrupted(work: Callable[[Interruptible], str]) -> str:
    """Run work that is interrupted as it begins."""
    part = Interruptible()
    return part.run(lambda: work(part))


def test_it_is_raised_once_and_inside() -> None:
    assert interrupted(swallowing) == "swallowed"
    with pytest.raises(Stopped):
        interrupted(listening)
    assert sum(number for number in range(10_000)) == 49_995_000


def test_work_that_has_ended_is_not_interrupted() -> None:
    part = Interruptible()
    assert part.run(lambda: "done") == "done"
    assert not part.interrupt()


@pytest.mark.parametrize("work", [listening, swallowing])
def test_threads_that_are_traced_go_on_after_it(work: Callable[[Interruptible], str]) -> None:
    """A debugger or a measuring of coverage lives beside a worker that kills: no alarm is left that would stop a traced thread."""
    with suppress(Stopped):
        interrupted(work)

    def called() -> None:
        pass

    def traced() -> None:
        before = sys.gettrace()
        sys.settrace(lambda *_: None)
        called()
        sys.settrace(before)

    thread = Thread(target=traced, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
