"""The test's own way to an engine: registers the flows, creates executions, sends commands; all by the log."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from kestra_stream.cli.engine.client import remote
from kestra_stream.models import execution_input as i
from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_input import ExecutionInput
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.state import State
from kestra_stream.queue.interface import Log, Outgoing
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.identity import new_id
from kestra_stream.topics import EXECUTION_INBOX
from tests.integration.faults.workload import NAMESPACE


class EngineClient:
    """A client of the engine that a settings file names."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def create(self, flows: Sequence[str]) -> list[str]:
        """Create an execution of each flow; return their ids once the log has them."""
        now = SystemClock().now()
        heads = [Execution(new_id(), NAMESPACE, flow, 0, State.created(now)) for flow in flows]
        self.log.send([Outgoing(EXECUTION_INBOX, head.id, i.Create(head)) for head in heads])
        return [head.id for head in heads]

    def tell(self, execution_id: str, message: ExecutionInput) -> None:
        """Send a command."""
        self.log.send([Outgoing(EXECUTION_INBOX, execution_id, message)])


@contextmanager
def client_of(config: Path, flows: str) -> Generator[EngineClient, None, None]:
    """Give a client once these flows are registered."""
    with remote(config, keeps=False) as client:
        for text in flows.split("---\n"):
            source = f"namespace: {NAMESPACE}\n{text}"
            client.flows.save(FlowSource("main", NAMESPACE, yaml.safe_load(text)["id"], 0, source, {}))
        yield EngineClient(client.door.log)
