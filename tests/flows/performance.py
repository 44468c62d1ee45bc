"""The conformance set: each `NAME.yaml` in a folder beside this file holds flows, `NAME.expected.yaml` what must come of the first one.

An expectation begins with what is done, and goes on with what must be seen at the end:
    rules         which sentences of the flow language it shows, by their names in `rules.yaml`
    inputs        values given; `{content: text, file: name}` is an upload; an input `server` gets the address of a server
    given         labels given
    refused       texts that must stand in the refusal; then there is no execution
    hold          tasks whose attempts begin, but do not end before the story releases (or kills) them
    do            what happens once nothing happens by itself any more; without it the clock runs until the end.
                  Each step is `verb: details`, with `of` the execution meant and `refused` what the refusal says:
                  kill, pause, resume, restart, replay, changeTaskRunState, changeStatus, setLabels, forceRun, unqueue (people);
                  create, save (the next revision); release (a held task); wait (a time, or until nothing happens any more); see

What is seen, of the execution:
    state, history, outputs, error, labels, variables; execution (parts of its document, ids by their names in the story)
    taskRuns      task id -> states in order of creation, all of them; `count` how many there are
    logs          texts that must stand in messages, or `LEVEL: text`; noLogs: those that must not; taskLogs: all lines of a task
    metrics       task id -> name -> [[type, value, tags]]
    executions    flow id -> states of its executions, sorted; others: name -> what is seen of that execution
and of the runs of a task:
    values, iterations; taskOutputs (of the last run; those named) and allOutputs (of each run, whole)
    taskHistory, attempts (states of all), attemptHistory (of the last)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kestra_stream.errors import KestraError
from tests.flows.seen import differences, seen
from tests.flows.stage import Stage

HERE = Path(__file__).parent
FLOWS = sorted(path for path in HERE.glob("*/*.yaml") if not path.name.endswith(".expected.yaml"))
NAMES = [str(path.relative_to(HERE).with_suffix("")) for path in FLOWS]
DONE = ("rules", "inputs", "given", "refused", "hold", "do")


def expectation(path: Path) -> dict[str, Any]:
    """What must come of a flow."""
    expected: dict[str, Any] = yaml.safe_load(path.with_suffix(".expected.yaml").read_text(encoding="utf-8"))
    return expected


def perform(stage: Stage, story: dict[str, Any], server: str) -> None:
    """Play a story and compare what is seen with what is expected."""
    expected = {name: value for name, value in story.items() if name not in DONE}
    stage.hold(*story.get("hold", ()))
    try:
        stage.create(stage.main, {"server": server, **story.get("inputs", {})}, story.get("given", {}))
    except KestraError as error:
        assert_refused(error, story)
        assert not stage.heads()
        return
    assert "refused" not in story, "it should have been refused"
    stage.settle(None) if "do" not in story else stage.settle()
    for step in story.get("do", ()):
        do(stage, {step: None} if isinstance(step, str) else dict(step))
    assert_seen(stage, stage.main, expected)


def do(stage: Stage, step: dict[str, Any]) -> None:
    """Take one step of a story."""
    whose = step.pop("of", stage.main)
    refused = step.pop("refused", None)
    ((verb, details),) = step.items()
    if verb == "see":
        assert_seen(stage, whose, details)
        return
    try:
        stage.act(verb, details, whose)
    except KestraError as error:
        assert_refused(error, {"refused": refused} if refused else {})
    else:
        assert refused is None, f"{verb} should have been refused"


def assert_refused(error: KestraError, story: dict[str, Any]) -> None:
    """Compare a refusal with what is expected; an unexpected one is raised again."""
    if "refused" not in story:
        raise error
    texts = story["refused"] if isinstance(story["refused"], list) else [story["refused"]]
    assert [text for text in texts if text not in str(error)] == [], str(error)


def assert_seen(stage: Stage, name: str, expected: Mapping[str, Any]) -> None:
    """Compare what is seen of an execution with what is expected."""
    found = differences(expected, seen(stage, name, expected))
    assert not found, "\n".join(found)
