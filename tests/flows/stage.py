"""The stage on which a story plays: the driver with its flows, and the door through which people act on executions.

Executions are named by their flow: `child` is the first execution of the flow `child`, `child#2` the second, in order of creation.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from kestra_stream.models import execution_input as i
from kestra_stream.models.document import execution_document
from kestra_stream.models.duration import parse_duration
from kestra_stream.models.execution import Execution, Label
from kestra_stream.models.flow import Flow
from kestra_stream.models.state import StateType
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.repository.query import Filter, Page
from kestra_stream.storage.local import LocalStorage
from kestra_stream.testing.driver import Driver, Mischief, Story
from kestra_stream.webserver.evaluation import door_evaluation
from kestra_stream.webserver.files import store_input_file
from kestra_stream.webserver.flow_register import StoredFlows
from kestra_stream.webserver.services import Door, ExecutionService
from kestra_stream.worker.task_table import all_tasks

NOW = timedelta(0)
Parsed = Callable[[str], Flow]


@cache
def parsed(source: str) -> Flow:
    """Parse a flow document, once."""
    return parse_flow(source)


def documents(path: Path) -> list[str]:
    """The flow documents of a file."""
    return [text for text in path.read_text(encoding="utf-8").split("\n---\n") if text.strip()]


class Stage:
    """Plays one story.

    Args:
        path: the flows. A second document with the same id is a later revision, which the story saves.
        folder: an empty folder for internal storage.
        seed: with a seed everything that the driver can do to an execution without changing its story is done to it.
        as_bytes: whether values travel as on Kafka.
    """

    def __init__(self, path: Path, folder: Path, seed: int | None = None, *, as_bytes: bool = False) -> None:
        tricks = Mischief(reorder=0.3, double=0.2, delay=0.3, crash=0.02, rebalance=0.02) if seed is not None else None
        self.driver = Driver(seed=seed or 0, mischief=tricks, storage=LocalStorage(folder / "storage"), as_bytes=as_bytes)
        self.driver.equip(globals={"place": "here"}, kestra={"url": "http://kestra.test", "environment": "test"})
        self.folder = folder
        self._later: list[Flow] = []
        flows = [parsed(text) for text in documents(path)]
        for place, flow in enumerate(flows):
            if any(flow.uid == other.uid for other in flows[:place]):
                self._later.append(flow)
            else:
                self.driver.add_flow(flow)
        self.main = flows[0].id
        self._service = self._open_door()

    def _open_door(self) -> ExecutionService:
        services, ids = self.driver.worker.services, count(1)
        assert services is not None
        return ExecutionService(
            Door(
                log=self.driver.log,
                register=StoredFlows(self.driver.repository.flows, self.driver.log),
                executions=self.driver.repository.executions,
                now=self.driver.clock.now,
                new_id=lambda: f"execution{next(ids)}",
                flow=self.driver.find_flow,
                tasks=lambda flow: {task.id: task for task in all_tasks(flow)},
                evaluate=lambda flow, execution_id: door_evaluation(services, flow, execution_id),
                encrypt=services.cipher.encrypt,
                store_file=lambda head, input_id, value: store_input_file(services.engine.storage, head, input_id, value),
            )
        )

    # -- what happens --------------------------------------------------------------------------------------------------

    def settle(self, wait: timedelta | None = NOW) -> None:
        """Go on until nothing happens any more, without a wait or for so long (None: for as long as it takes)."""
        self.driver.settle(wait=wait)

    def create(self, flow_id: str, inputs: Mapping[str, Any], labels: Mapping[str, str], at: timedelta | None = None) -> None:
        """Create an execution, by the door; `{file: text}` as a value is an uploaded file."""
        flow = next(flow for flow in self._newest() if flow.id == flow_id)
        given = {name: self._uploaded(name, value) for name, value in inputs.items()}
        date = self.driver.clock.now() + at if at is not None else None
        self._service.create(flow, given, [Label(key, value) for key, value in labels.items()], date)
        self.driver.clock.advance(timedelta(microseconds=1))

    def _newest(self) -> list[Flow]:
        sources = self.driver.repository.flows.search(Filter(), Page(1, 1000)).items
        found = [self.driver.find_flow(one.tenant_id, one.namespace, one.id, 0) for one in sources]
        return [flow for flow in found if flow is not None]

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
                self.driver.add_flow(flow)
            case "hold":
                self.driver.worker.hold(*details)
            case "release":
                asked = details if isinstance(details, dict) else {"task": details}
                self.driver.workplace.release(asked["task"], asked.get("value"))
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
                self.tell(execution_id, i.Replay(f"replay{len(self.names())}", run, asked.get("revision"), asked.get("inputs")))
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

    def heads(self) -> list[Execution]:
        """All executions, oldest first."""
        heads = self.driver.repository.executions.search(Filter(), Page(1, 10_000)).items
        return sorted(heads, key=lambda head: head.state.start_date)

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
        story = self.driver.story(execution_id)
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
        return self.driver.story(self.id_of(name))

    def document(self, name: str) -> dict[str, Any]:
        """An execution as people see it, metadata beside the rest."""
        story = self.story(name)
        document = execution_document(story.execution, story.task_runs, self.driver.clock.now())
        return {**document, **document["metadata"]}
