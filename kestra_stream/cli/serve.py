"""`server`: settings in, one process of the engine until a signal; its exit code out.

SIGTERM, SIGINT, while it starts ──> the end, 0
SIGTERM, SIGINT ──> draining: no new work, running tasks have the grace time ──> the end, 0
    └─ once more ──> running tasks are stopped at once ──> the end, 0
a crash, a newer process in its place ──> one line ──> the end, 1
"""

import contextlib
import logging
import os
import select
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from types import FrameType

from kestra_stream.assembly.backend import clock_of, open_backend
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.assembly.server import Component, Server
from kestra_stream.assembly.starting import learn, prepare
from kestra_stream.assembly.watch import Watch
from kestra_stream.cli.exit_codes import OK
from kestra_stream.errors import Unavailable
from kestra_stream.runtime.lifecycle import Crashed
from kestra_stream.runtime.observation.management import Management
from kestra_stream.settings import Settings, is_debugged, load_settings, without_effect

logger = logging.getLogger("kestra_stream.server")
_LOOK = 0.25
_FORMAT = "%(asctime)s %(levelname)-5s %(name)s: %(message)s"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says; it wins over the settings."""

    port: int | None = None
    slots: int | None = None
    group: str | None = None

    def over(self, settings: Settings) -> Settings:
        """Return the settings with the wishes in them."""
        server = {} if self.port is None else {"port": self.port}
        worker = {name: value for name, value in (("slots", self.slots), ("group", self.group)) if value is not None}
        changed = {"server": settings.server.model_copy(update=server), "worker": settings.worker.model_copy(update=worker)}
        return settings.model_copy(update=changed)


class _LeftEarly(BaseException):
    """The process was told to stop before it had started."""


class Stops:
    """Signals that ask the process to end, counted. Until `started` the first one interrupts whatever the start waits for.

    They are plain marks and a pipe that ends the wait: an Event could lock up, since the thread that waits for it is the one that is
    interrupted, and may hold its lock.
    """

    def __init__(self) -> None:
        self._count = 0
        self._hurries = 0
        self._has_started = False
        self._ear, self._mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def listen(self) -> None:
        """Count from now on; a terminal that closes ends no server."""
        signal.set_wakeup_fd(self._mouth, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._heard)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def started(self) -> None:
        """From now on somebody looks at `is_asked`."""
        self._has_started = True

    @property
    def is_asked(self) -> bool:
        """Whether the process was asked to end."""
        return self._count > 0

    def take_hurry(self) -> bool:
        """Whether it was asked once more since the last look."""
        is_new, self._hurries = self._count - 1 > self._hurries, self._count - 1
        return is_new

    def wait(self, seconds: float) -> None:
        """Wait for a signal or a `wake`."""
        select.select([self._ear], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._ear, 64)

    def wake(self) -> None:
        """End the wait; from any thread."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._mouth, b".")

    def _heard(self, _: int, __: FrameType | None) -> None:
        self._count += 1
        if self._count == 1 and not self._has_started:
            raise _LeftEarly


def serve(component: str, config: Path | None, wishes: Wishes, environ: Mapping[str, str] | None = None) -> int:
    """Run a process until it is told to stop; return its exit code.

    Raises:
        Invalid: a setting is wrong.
        Fatal: the process can not go on.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=_FORMAT)
    settings = wishes.over(load_settings(config, os.environ if environ is None else environ))
    for warning in without_effect(settings):
        logger.warning("%s", warning)
    if is_debugged(settings):
        logging.getLogger("kestra_stream.kafka").setLevel(logging.DEBUG)
    stops = Stops()
    stops.listen()
    try:
        server, management = _opened(Component(component), settings, stops)
        stops.started()
    except (_LeftEarly, Unavailable):
        if not stops.is_asked:
            raise
        logger.info("%s was told to stop before it had started", component)
        return OK
    server.start()
    name = f"kestra-stream {version('kestra-stream')}"
    logger.info("%s: %s %s on %s, management port %d", name, component, server.id, server.equipment.backend.family, management.port)
    try:
        _work(server, stops, settings.server.termination_grace_period.total_seconds())
    finally:
        management.close()
    logger.info("%s %s has ended", component, server.id)
    return OK


def _opened(component: Component, settings: Settings, stops: Stops) -> tuple[Server, Management]:
    """Prepare all that a server needs; the management port is open before anything works."""
    clock = clock_of(settings)

    def given_up() -> bool:
        return stops.is_asked  # what a signal raises may be lost in a callback of the client library

    prepare(settings, clock, given_up)
    backend = open_backend(settings, clock)
    learn(backend, settings, clock, given_up)
    server = Server(component, Equipment(settings, backend, clock))
    server.announce()
    return server, Watch(server).listen()


def _work(server: Server, stops: Stops, grace: float) -> None:
    """Wait for a signal or a crash; then stop, at once after a crash or a second signal."""
    try:
        while not stops.is_asked:
            server.check()
            stops.wait(_LOOK)
    except Crashed:
        server.stop(0.0)
        raise
    logger.info("%s %s stops; what runs has %g s to end, and none after another signal", server.component, server.id, grace)
    stopping = Thread(target=_stop, args=(server, stops, grace), name="stopping")
    stopping.start()
    while stopping.is_alive():
        stops.wait(_LOOK)
        if stops.take_hurry():
            server.hurry()


def _stop(server: Server, stops: Stops, grace: float) -> None:
    try:
        server.stop(grace)
    finally:
        stops.wake()
