"""Client: what a command of the log works with. An engine of its own in this process and one far away look the same to it."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kestra_stream.assembly.backend import clock_of, open_backend
from kestra_stream.assembly.door import door_of
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.cli.engine.elsewhere import engine_settings
from kestra_stream.cli.follow.follower import Follower
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.settings import Settings
from kestra_stream.webserver.services import Door, ExecutionService, FlowService

PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Client:
    """A follower, and the services over what it has followed: no repository is asked.

    Attributes:
        place_of: where a stored file lies on this machine, by tenant and URI; its URI when it does not.
        check: raises when the engine can not go on.
        patience: seconds after which somebody should have taken up what was sent; None where that is this process.
    """

    door: Door
    follower: Follower
    flows: FlowService
    executions: ExecutionService
    now: Callable[[], datetime]
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


def remote(config: Path | None, *, keeps: bool) -> AbstractContextManager[Client]:
    """Be a client of the log that the settings name; the engine works elsewhere.

    Raises:
        Invalid: the settings are wrong, or the log that they name is gone with its process.
    """
    return connected(engine_settings(config), keeps=keeps)


@contextmanager
def connected(settings: Settings, *, keeps: bool) -> Generator[Client, None, None]:
    """Be a client of the log of these settings."""
    clock = clock_of(settings)
    backend = open_backend(settings, clock)
    try:
        equipment = Equipment(settings, backend, clock)
        follower = Follower(backend.log, keeps=keeps)
        door = door_of(equipment, FollowedExecutions(follower))
        services = FlowService(door), ExecutionService(door)
        try:
            yield Client(door, follower, *services, clock.now, place_in(settings), _nothing_to_check, PATIENCE)
        finally:
            follower.close()
            equipment.table.close()
    finally:
        backend.log.close()


def place_in(settings: Settings) -> Callable[[str, str], str]:
    """Return what tells where a stored file lies on this machine, by tenant and URI; its URI when it does not."""
    local = settings.storage.local.base_path if settings.storage.type == "local" else None
    return lambda tenant, uri: uri if local is None else str(local / tenant / uri.removeprefix("kestra:///"))


def _nothing_to_check() -> None:
    """An engine far away may end, and another one goes on."""
