"""Embedded: an engine in this process, and its client. Apart from `client`, because it loads all components."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from kestra_stream.assembly.standalone import Standalone
from kestra_stream.cli.engine.client import Client, FollowedExecutions, place_in
from kestra_stream.cli.follow.follower import Follower
from kestra_stream.settings import Settings
from kestra_stream.webserver.services import ExecutionService, FlowService


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
