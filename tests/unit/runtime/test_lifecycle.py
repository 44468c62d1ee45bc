"""Parts start and stop in order, and a crash is told."""

from threading import Event

import pytest

from kestra_stream.runtime.lifecycle import Crashed, Lifecycle


class Piece:
    """Runs until it is stopped; writes down what happens."""

    def __init__(self, name: str, book: list[str], error: Exception | None = None) -> None:
        self._name, self._book, self._error = name, book, error
        self._stopped = Event()
        self.started = Event()

    def run(self) -> None:
        self.started.set()
        if self._error is not None:
            raise self._error
        self._stopped.wait(10)
        self._book.append(f"{self._name} has ended")

    def stop(self) -> None:
        self._book.append(f"{self._name} is to stop")
        self._stopped.set()


class Deaf(Piece):
    """Does not hear."""

    def stop(self) -> None:
        """Hear nothing."""


def test_parts_stop_in_the_opposite_order_each_after_the_one_that_needs_it() -> None:
    book: list[str] = []
    parts = {name: Piece(name, book) for name in ("first", "second")}
    life = Lifecycle(parts)
    life.start()
    assert all(part.started.wait(5) for part in parts.values())
    assert life.stop() == []
    assert book == ["second is to stop", "second has ended", "first is to stop", "first has ended"]
    assert life.wait(0)


def test_a_crash_is_told_to_who_waits_and_the_others_go_on() -> None:
    book: list[str] = []
    told: list[str] = []
    parts = {"good": Piece("good", book), "bad": Piece("bad", book, ValueError("broken"))}
    life = Lifecycle(parts, told.append)
    life.start()
    with pytest.raises(Crashed, match="bad has crashed: ValueError: broken") as caught:
        life.wait(5)
    assert isinstance(caught.value.__cause__, ValueError)
    assert "good has ended" not in book
    life.stop()
    assert (told, book[-1]) == (["bad"], "good has ended")


def test_waiting_without_a_crash_takes_its_time() -> None:
    life = Lifecycle({"good": Piece("good", [])})
    life.start()
    assert not life.wait(0.01)
    life.check()
    life.stop()


def test_who_does_not_stop_in_time_is_named() -> None:
    deaf = Deaf("deaf", [])
    life = Lifecycle({"deaf": deaf})
    life.start()
    assert life.stop(0.01) == ["deaf"]
    Piece.stop(deaf)
    assert life.stop() == []


def test_stopping_before_the_start_does_nothing() -> None:
    assert Lifecycle({"good": Piece("good", [])}).stop() == []
