"""The stage on which a story plays: flows, and the door through which people act on executions.

Executions are named by their flow: `child` is the first execution of the flow `child`, `child#2` the second, in order of creation.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from kestra_stream.models import execution_input as i
from kestra_stream.models.document import execution_document
from kestra_stream.models.duration import parse_duration
from kestra_stream.models.execution import Execution, Label
from kestra_stream.models.flow import Flow
from kestra_stream.models.records import MetricEntry
from kestra_stream.models.state import StateType
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.testing.driver import Story
from kestra_stream.webserver.services import ExecutionService

NOW = timedelta(0)
Parsed = Callable[[str], Flow]


@cache
def parsed(source: str) -> Flow:
    """Parse a flow document, once."""
    return parse_flow(source)


def documents(path: Path) -> list[str]:
    """The flow documents of a file."""
    return [text for text in path.read_text(encoding="utf-8").split("\n---\n") if text.strip()]


class Stage(ABC):
    """Plays one story; who runs the engine behind it says how its flows are saved, time passes, and what is seen is looked up.

    Args:
        path: the flows. A second document with the same id is a later revision, which the story saves.
        folder: an empty folder for what the story uploads.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.folder = folder
        self._later: list[Flow] = []
        flows = [parsed(text) for text in documents(path)]
        for place, flow in enumerate(flows):
            if any(flow.uid == other.uid for other in flows[:place]):
                self._later.append(flow)
            else:
                self.save(flow)
        self.main = flows[0].id
        self._service = self.open_door()

    # -- the engine behind it ------------------------------------------------------------------------------------------

    @abstractmethod
    def open_door(self) -> ExecutionService:
        """Return what commands go through."""

    @abstractmethod
    def save(self, flow: Flow) -> None:
        """Save a flow as its next revision."""

    @abstractmethod
    def newest(self, flow_id: str) -> Flow:
        """Find the newest revision of a flow."""

    @abstractmethod
    def now(self) -> datetime:
        """The present moment; the next one is a later one."""

    @abstractmethod
    def settle(self, wait: timedelta | None = NOW) -> None:
        """Go on until nothing happens any more, without a wait or for so long (None: for as long as it takes)."""

    @abstractmethod
    def hold(self, *task_ids: str) -> None:
        """Begin attempts of these tasks, but do not end them before they are released (or killed)."""

    @abstractmethod
    def release(self, task_id: str, value: str | None) -> None:
        """Let held attempts of a task (or of one loop value of it) run."""

    @abstractmethod
    def heads(self) -> list[Execution]:
        """All executions, oldest first."""

    @abstractmethod
    def story_of(self, execution_id: str) -> Story:
        """How an execution went."""

    @abstractmethod
    def metrics(self, execution_id: str) -> Sequence[MetricEntry]:
        """What an execution measured, in the order in which it came."""

    # -- what happens --------------------------------------------------------------------------------------------------

    def create(self, flow_id: str, inputs: Mapping[str, Any], labels: Mapping[str, str], at: timedelta | None = None) -> None:
        """Create an execution, by the door; `{file: text}` as a value is an uploaded file."""
        given = {name: self._uploaded(name, value) for name, value in inputs.items()}
        date = self.now() + at if at is not None else None
        self._service.create(self.newest(flow_id), given, [Label(key, value) for key, value in labels.items()], date)

    def _uploaded(self, name: str, value: Any) -> Any:
        if not (isinstance(value, dict) and set(value) <= {"file", "content"} and "content" in value):
            return value
        folder = self.folder / "uploads" / name
        folder.mkdir(parents=True, exist_ok=True)
        path: Path = folder / str(value.get("file", "upload.txt"))
        path.write_text(str(value["content"]), encoding="utf-8")
        return path

    def act(self, verb: str, details: Any, whose: str) -> None:
        """Do what a person, a worker or time does."""
        match verb:
            case "create":
                asked = details if isinstance(details, dict) else {"flow": details}
                at = parse_duration(str(asked["in"])) if "in" in asked else None
                self.create(asked.get("flow") or self.main, asked.get("inputs", {}), asked.get("labels", {}), at)
            case "save":
                flow = next(flow for flow in self._later if flow.id == details)
                self._later.remove(flow)
                self.save(flow)
            case "hold":
                self.hold(*details)
            case "release":
                asked = details if isinstance(details, dict) else {"task": details}
                self.release(asked["task"], asked.get("value"))
            case "wait":
                return self.settle(parse_duration(str(details)) if details else None)
            case _:
                self._command(verb, details, whose)
        return self.settle()

    def _command(self, verb: str, details: Any, whose: str) -> None:
        execution_id = self.id_of(whose)
        service = self._service
        match verb:
            case "kill":
                service.kill(execution_id, cascade=details != "alone")
            case "resume":
                service.resume(execution_id, details or {}, by="somebody")
            case "restart":
                service.restart(execution_id, details["revision"] if details else None)
            case "replay":
                asked = details or {}
                run = self.run_id(execution_id, asked) if "task" in asked else None
                self.tell(execution_id, i.Replay(f"{self.main}-replay{len(self.names())}", run, asked.get("revision"), asked.get("inputs")))
            case "changeTaskRunState":
                self.tell(execution_id, i.ChangeTaskRunState(self.run_id(execution_id, details), StateType(details["state"])))
            case "changeStatus":
                self.tell(execution_id, i.ChangeStatus(StateType(details)))
            case "setLabels":
                self.tell(execution_id, i.SetLabels(tuple(Label(key, value) for key, value in details.items())))
            case "unqueue":
                self.tell(execution_id, i.Unqueue(StateType(details or "RUNNING")))
            case _:
                self.tell(execution_id, {"pause": i.Pause, "forceRun": i.ForceRun}[verb]())

    def tell(self, execution_id: str, message: i.ExecutionInput) -> None:
        """Send an input."""
        self._service.send(execution_id, message)

    # -- what is seen --------------------------------------------------------------------------------------------------

    def names(self) -> dict[str, str]:
        """Execution id -> its name in the story."""
        found: dict[str, str] = {}
        counts: dict[str, int] = {}
        for head in self.heads():
            number = counts[head.flow_id] = counts.get(head.flow_id, 0) + 1
            found[head.id] = head.flow_id if number == 1 else f"{head.flow_id}#{number}"
        return found

    def id_of(self, name: str) -> str:
        """The id of a named execution."""
        known = {name: execution_id for execution_id, name in self.names().items()}
        assert name in known, f"there is no execution {name}, only {sorted(known)}"
        return known[name]

    def run_id(self, execution_id: str, asked: Mapping[str, Any]) -> str:
        """The task run of a task, of a loop value, of a value and the values around it (`[s1, a]`)."""
        story = self.story_of(execution_id)
        by_id = {run.id: run for run in story.task_runs}
        value = asked.get("value")
        wanted = [] if value is None else value if isinstance(value, list) else [value]
        for run in story.runs(asked["task"]):
            values, around = [], run
            while True:
                values += [around.value] if around.value is not None else []
                if around.parent_id is None:
                    break
                around = by_id[around.parent_id]
            if values[::-1][-len(wanted) :] == wanted or not wanted:
                return run.id
        raise AssertionError(f"there is no run of {asked}")

    def story(self, name: str) -> Story:
        """How an execution went."""
        return self.story_of(self.id_of(name))

    def document(self, name: str) -> dict[str, Any]:
        """An execution as people see it, metadata beside the rest."""
        story = self.story(name)
        document = execution_document(story.execution, story.task_runs, self.now())
        return {**document, **document["metadata"]}
