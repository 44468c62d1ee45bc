"""Client: what a command of the log works with. An engine of its own in this process and one far away look the same to it."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from kestra_stream.assembly import Standalone
from kestra_stream.cli.follow.follower import Follower
from kestra_stream.cli.terminal.picture import LoopSize
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.settings import Settings
from kestra_stream.webserver.services import Door, ExecutionService, FlowService


@dataclass(frozen=True, slots=True)
class Client:
    """A follower, and the services over what it has followed: no repository is asked.

    Attributes:
        loop_size: tells how many values an open loop goes through, where that is known.
        place_of: where a stored file lies on this machine, by tenant and URI; its URI when it does not.
        check: raises when the engine can not go on.
        patience: seconds after which somebody should have taken up what was sent; None where that is this process.
    """

    door: Door
    follower: Follower
    flows: FlowService
    executions: ExecutionService
    now: Callable[[], datetime]
    loop_size: LoopSize
    place_of: Callable[[str, str], str]
    check: Callable[[], None]
    patience: float | None = None


class FollowedExecutions:
    """What a follower knows, for the services."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    def get(self, execution_id: str) -> Execution | None:
        """Look a head up."""
        known = self._follower.executions.get(execution_id)
        return None if known is None else known.head

    def task_runs(self, execution_id: str) -> Sequence[TaskRun]:
        """List task runs."""
        known = self._follower.executions.get(execution_id)
        return () if known is None else known.folded.listed()


def client_of(engine: Standalone, follower: Follower) -> Client:
    """Return the client of an engine in this process."""
    door = replace(engine.door, executions=FollowedExecutions(follower))
    services = FlowService(door), ExecutionService(door)
    return Client(door, follower, *services, engine.clock.now, engine.executor.loop_size, engine.place_of, engine.check)


@contextmanager
def embedded(settings: Settings, *, keeps: bool) -> Generator[Client, None, None]:
    """Run an engine in this process for as long as the block lasts."""
    engine = Standalone(settings)
    follower = Follower(engine.backend.log, keeps=keeps)
    engine.start()
    try:
        yield client_of(engine, follower)
    finally:
        follower.close()
        engine.stop(drain=0.0)
