"""Client: what a command of the log works with. An engine of its own in this process and one far away look the same to it."""

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from kestra_stream.assembly import Equipment, Standalone, clock_of, door_of, open_backend
from kestra_stream.cli.follow.follower import Follower
from kestra_stream.errors import Invalid
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.queue.interface import Log
from kestra_stream.settings import Settings, load_settings
from kestra_stream.settings.environment import WHOLE
from kestra_stream.webserver.services import Door, ExecutionService, FlowService

PATIENCE = 10.0
_ENGINE = (WHOLE, "KESTRA_QUEUE_TYPE")


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


def client_of(engine: Standalone, follower: Follower) -> Client:
    """Return the client of an engine in this process."""
    door = replace(engine.door, executions=FollowedExecutions(follower))
    services = FlowService(door), ExecutionService(door)
    place_of = place_in(engine.settings)
    return Client(door, follower, *services, engine.clock.now, place_of, engine.check)


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


@contextmanager
def remote(config: Path | None, *, keeps: bool) -> Generator[Client, None, None]:
    """Be a client of the log that the settings name; the engine works elsewhere.

    Raises:
        Invalid: the settings are wrong, or the log that they name is gone with its process.
    """
    settings = engine_settings(config)
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


@contextmanager
def remote_log(config: Path | None) -> Generator[Log, None, None]:
    """Give the log that the settings name. Raises Invalid as `remote` does."""
    settings = engine_settings(config)
    backend = open_backend(settings, clock_of(settings))
    try:
        yield backend.log
    finally:
        backend.log.close()


def engine_settings(config: Path | None) -> Settings:
    """Return the settings of an engine that others can speak to.

    Raises:
        Invalid: they are wrong, or name a log that is gone with its process.
    """
    settings = load_settings(config, os.environ)
    if settings.queue.type != "memory":
        return settings
    if config is None and not names_engine(os.environ):
        raise Invalid("no engine is named: give the file of its settings by -c FILE, or in the variable KESTRA_CONFIGURATION_PATH")
    raise Invalid(
        f"{config or 'the environment'}: kestra.queue.type is `memory`, a log that is gone with its process: "
        "there is no engine to speak to. Set it to `kafka` and name the brokers under kestra.kafka.client.properties"
    )


def names_engine(environ: Mapping[str, str]) -> bool:
    """Whether the environment says itself which log is meant."""
    return any(environ.get(name) for name in _ENGINE)


def place_in(settings: Settings) -> Callable[[str, str], str]:
    """Return what tells where a stored file lies on this machine, by tenant and URI; its URI when it does not."""
    local = settings.storage.local.base_path if settings.storage.type == "local" else None
    return lambda tenant, uri: uri if local is None else str(local / tenant / uri.removeprefix("kestra:///"))


def _nothing_to_check() -> None:
    """An engine far away may end, and another one goes on."""
