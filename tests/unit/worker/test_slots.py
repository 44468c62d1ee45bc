"""The threads of a worker: what races with their end."""

from threading import Event, Thread

import pytest

from kestra_stream.worker.pool import slots as module
from kestra_stream.worker.pool.slots import Slots


def test_an_end_in_the_middle_of_a_start_waits_for_whoever_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    is_starting, never = Event(), Event()

    class SlowThread(Thread):
        def start(self) -> None:
            is_starting.set()
            never.wait(0.2)
            super().start()

    monkeypatch.setattr(module, "Thread", SlowThread)
    done: list[int] = []
    slots: Slots[int] = Slots(4, done.append, "slots")
    offering = Thread(target=slots.offer, args=((1,),))
    offering.start()
    assert is_starting.wait(5.0)
    slots.close(timeout=5.0)
    offering.join()
    assert slots.wait_idle(5.0)
    assert done == [1]
