"""A loop over too many values fails at its place, by a limit that the operator sets."""

from pathlib import Path

from kestra_stream.storage.local import LocalStorage
from kestra_stream.testing.driver import Driver, Story

LOG = "type: io.kestra.plugin.core.log.Log, message: x"
FLOW = "io.kestra.plugin.core.flow"


def run(tmp_path: Path, tasks: str) -> Story:
    driver = Driver(f"id: main\nnamespace: t.t\ntasks:\n{tasks}", storage=LocalStorage(tmp_path))
    driver.equip(most_loop_values=10)
    return driver.run("main")


def test_as_many_values_as_the_limit_allows_run(tmp_path: Path) -> None:
    story = run(tmp_path, f"  - {{id: each, type: {FLOW}.ForEach, values: '{{{{ range(1, 10) }}}}', tasks: [{{id: one, {LOG}}}]}}")
    assert (story.state, len(story.runs("one"))) == ("SUCCESS", 10)


def test_one_more_fails_before_anything_runs(tmp_path: Path) -> None:
    story = run(tmp_path, f"  - {{id: each, type: {FLOW}.ForEach, values: '{{{{ range(1, 11) }}}}', tasks: [{{id: one, {LOG}}}]}}")
    assert (story.state, story.runs("one")) == ("FAILED", [])
    assert any("the loop has 11 values; the setting `engine.most_loop_values` allows 10" in line for line in story.messages)


def test_loops_inside_of_each_other_count_together(tmp_path: Path) -> None:
    """Four values, and four in each of them, are more than ten."""
    inner = f"{{id: inner, type: {FLOW}.ForEach, values: [1, 2, 3, 4], tasks: [{{id: one, {LOG}}}]}}"
    story = run(
        tmp_path,
        f"  - {{id: each, type: {FLOW}.ForEach, values: [1, 2, 3, 4], tasks: [{{id: seq, type: {FLOW}.Sequential, tasks: [{inner}]}}]}}",
    )
    assert story.states()["inner"] == ["SUCCESS", "FAILED"]
    assert any("the loop has 4 values, and its execution has 9 task runs already" in line for line in story.messages), story.messages


def test_loops_one_after_the_other_count_for_themselves(tmp_path: Path) -> None:
    each = "".join(f"  - {{id: e{n}, type: {FLOW}.ForEach, values: [1, 2, 3, 4, 5, 6], tasks: [{{id: t{n}, {LOG}}}]}}\n" for n in (1, 2))
    assert run(tmp_path, each).state == "SUCCESS"
