"""The garbage collector looks rarely for as long as any engine runs in the process, and is as it was afterwards."""

import gc
from collections.abc import Iterator

import pytest

from kestra_stream.assembly.collector import RARELY, Collector

USUAL = (700, 10, 10)


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*USUAL)
    yield
    gc.set_threshold(*before)


def test_it_is_as_it_was_once_the_last_engine_has_stopped() -> None:
    collector = Collector()
    told = []
    for step in (collector.look_rarely, collector.look_rarely, collector.look_as_usual, collector.look_as_usual):
        step()
        told.append(gc.get_threshold())
    assert told == [RARELY, RARELY, RARELY, USUAL]


def test_an_engine_that_starts_again_finds_what_it_is_by_then() -> None:
    collector = Collector()
    for usual in (USUAL, (500, 5, 5)):
        gc.set_threshold(*usual)
        collector.look_rarely()
        collector.look_as_usual()
        assert gc.get_threshold() == usual
