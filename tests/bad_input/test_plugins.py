"""Tasks that misbehave inside the process, and plugins that cannot be loaded."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest

from kestra_stream.errors import InvalidFlow
from kestra_stream.plugin.api import RunContext
from kestra_stream.plugin.registry import GROUP, Registry
from tests.bad_input.bench import Bench, Does

pytestmark = pytest.mark.slow


class Wordless(Exception):
    """An error that cannot even be printed."""

    def __str__(self) -> str:
        raise ValueError("no words")


def raising(error: BaseException) -> Callable[[RunContext], Any]:
    def work(_: RunContext) -> Any:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit"),
        (BaseException("x"), "BaseException: x"),
        (StopIteration(), "StopIteration"),
        (MemoryError(), "The task ran out of memory"),
        (Wordless(), "ValueError: no words"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_raised_fails_the_task(bench: Bench, error: BaseException, told: str) -> None:
    story = bench.end(bench.does(raising(error)))
    assert (story.state, story.errors) == ("FAILED", [f"bad: {told}"])


def test_endless_recursion_fails_the_task(bench: Bench) -> None:
    def work(context: RunContext) -> None:
        work(context)

    assert bench.end(bench.does(work)).errors == ["bad: RecursionError: maximum recursion depth exceeded"]


def test_a_task_that_burns_the_processor_is_interrupted(bench: Bench) -> None:
    def work(_: RunContext) -> None:
        while True:
            pass

    assert bench.end(bench.does(work, "timeout: PT1S")).errors == ["bad: Timeout after PT1S"]


def test_a_task_that_swallows_its_interruption_ends_as_timed_out(bench: Bench) -> None:
    never = threading.Event()

    def work(_: RunContext) -> dict[str, int]:
        try:
            while True:
                never.wait(0.01)
        except BaseException:  # noqa: BLE001 - what is tested
            return {"v": 1}

    story = bench.end(bench.does(work, "timeout: PT1S"))
    assert (story.errors, story.run("bad").outputs) == (["bad: Timeout after PT1S"], {"v": 1})


def test_a_task_that_never_stops_costs_its_thread_but_no_slot(bench: Bench) -> None:
    enough, ended = threading.Event(), threading.Event()

    def work(_: RunContext) -> None:
        while not enough.is_set():
            try:
                enough.wait()
            except BaseException:  # noqa: BLE001, S112 - what is tested
                continue
        ended.set()

    story = bench.end(bench.does(work, "timeout: PT1S"))
    assert story.errors == ["bad: Timeout after PT1S; the task does not stop, its thread is given up"]
    assert bench.engine.busy_slots == 0
    enough.set()
    assert ended.wait(20)


def test_what_runs_inside_of_a_directory_ends_with_it_also_when_its_thread_is_given_up(bench: Bench) -> None:
    enough, ended = threading.Event(), threading.Event()

    def stubborn(_: RunContext) -> None:
        while not enough.is_set():
            try:
                enough.wait()
            except BaseException:  # noqa: BLE001, S112 - what is tested
                continue
        ended.set()

    Does.works["stubborn"] = stubborn
    child = "{id: child, type: tests.Does, work: stubborn}"
    story = bench.end(bench.task(f"type: io.kestra.plugin.core.flow.WorkingDirectory\ntimeout: PT1S\ntasks: [{child}]"))
    assert (story.state, story.run("bad").state.current, story.run("child").state.current) == ("FAILED", "FAILED", "KILLED")
    enough.set()
    assert ended.wait(20)


def test_a_task_may_write_any_number_of_lines_and_metrics(bench: Bench) -> None:
    def work(context: RunContext) -> None:
        context.logger.info("x" * 50_000_000)
        context.logger.info("\ud800")
        for number in range(20_000):
            context.logger.info(str(number))
            context.counter("n", number)

    story = bench.end(bench.does(work))
    assert (story.state, story.lines[-2].message) == ("SUCCESS", "19999")


PLUGINS = {
    "raises": "raise RuntimeError('not today')",
    "exits": "import sys\nsys.exit(7)",
    "broken": "this is no Python",
    "other": "Thing = 3",
    "needs": "import a_module_that_is_not_there",
    "empty": "",
    "recursive": "def f():\n    f()\nf()",
}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """What is installed, with plugins that cannot be loaded."""
    for name, text in PLUGINS.items():
        (tmp_path / f"bad_plugin_{name}.py").write_text(text)
    sys.path.insert(0, str(tmp_path))
    points = [EntryPoint(f"com.example.{name}", f"bad_plugin_{name}:Thing", GROUP) for name in PLUGINS]
    yield Registry((*entry_points(group=GROUP), *points))
    sys.path.remove(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("raises", "can not be loaded: RuntimeError: not today"),
        ("exits", "can not be loaded: SystemExit: 7"),
        ("broken", "can not be loaded: SyntaxError"),
        ("other", "which is no plugin class"),
        ("needs", "can not be loaded: ModuleNotFoundError"),
        ("empty", "can not be loaded: AttributeError"),
        ("recursive", "can not be loaded: RecursionError"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named_at_its_place(registry: Registry, tmp_path: Path, name: str, told: str) -> None:
    bench = Bench(tmp_path, registry=registry)
    bench.engine.start()
    try:
        with pytest.raises(InvalidFlow) as refused:
            bench.task(f"type: com.example.{name}")
        fault = refused.value.faults[0]
        assert (fault.line, fault.path) == (5, "tasks[0].type")
        assert f"com.example.{name}" in fault.message
        assert told in fault.message
        assert bench.end(bench.task("type: io.kestra.plugin.core.log.Log\nmessage: fine")).state == "SUCCESS"
    finally:
        bench.follower.close()
        bench.engine.stop()


def test_a_task_that_changes_the_directory_of_the_process_hurts_no_script(bench: Bench) -> None:
    before = Path.cwd()

    def work(_: RunContext) -> None:
        os.chdir("/")

    try:
        assert bench.end(bench.does(work)).state == "SUCCESS"
        after = bench.task('type: io.kestra.plugin.scripts.shell.Commands\ncommands: ["echo x > y"]\noutputFiles: [y]')
        assert list((bench.end(after).run("bad").outputs or {})["outputFiles"]) == ["y"]
    finally:
        os.chdir(before)
