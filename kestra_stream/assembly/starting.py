"""Starting: folders are tried, and a broker that is away is waited for, by turns that are told, for as long as the settings say."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile

from kestra_stream.assembly.backend import Backend
from kestra_stream.assembly.topics import prepare_topics
from kestra_stream.errors import Invalid, Unavailable
from kestra_stream.runtime.clock import Clock
from kestra_stream.settings import Settings

logger = logging.getLogger(__name__)

_TURN = timedelta(seconds=5)
_MOMENT = 1.0


def prepare(settings: Settings, clock: Clock, given_up: Callable[[], bool] = lambda: False) -> None:
    """Make and verify what a process needs from its disk and its log before it can start.

    Args:
        settings: of the process.
        clock: tells the time.
        given_up: whether nobody waits for this any more.

    Raises:
        Unavailable: no broker has answered in time.
        Invalid: a folder, a topic or the broker is not what the settings need.
    """
    for setting, folder in _folders(settings):
        _try(setting, folder)
    if settings.queue.type == "kafka":
        _patiently(lambda left: prepare_topics(_with_patience(settings, min(left, _TURN))), settings, clock, given_up)


def learn(backend: Backend, settings: Settings, clock: Clock, given_up: Callable[[], bool]) -> None:
    """Let a log look up its topics before anything is opened on them: a broker that has gone away again is waited for as the first time.

    Args:
        backend: whose log it is.
        settings: of the process.
        clock: tells the time.
        given_up: whether nobody waits for this any more.

    Raises:
        Unavailable: no broker has answered in time.
    """

    def try_to(_: timedelta) -> None:
        try:
            backend.learn()
        except Unavailable:
            if not given_up():
                time.sleep(_MOMENT)
            raise

    _patiently(try_to, settings, clock, given_up)


def _patiently(action: Callable[[timedelta], None], settings: Settings, clock: Clock, given_up: Callable[[], bool]) -> None:
    """Do something again and again until a broker lets it; it is told how much time is left."""
    longest = settings.kafka.client.start_timeout
    deadline = clock.monotonic() + longest.total_seconds()
    while True:
        left = timedelta(seconds=max(deadline - clock.monotonic(), 1.0))
        try:
            action(left)
        except Unavailable as error:
            if given_up():
                raise
            left_seconds = deadline - clock.monotonic()
            if left_seconds <= 0:
                raise Unavailable(f"{error}; given up after kestra.kafka.client.start-timeout ({longest.total_seconds():g} s)") from error
            logger.warning("%s; it is waited for, %.0f s more", error, left_seconds)
        else:
            return


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    if settings.storage.type == "local":
        yield "kestra.storage.local.base-path", settings.storage.local.base_path
    if settings.queue.type == "kafka" and settings.engine.state.type == "disk":
        yield "kestra.engine.state.path", settings.engine.state.path


def _try(setting: str, folder: Path) -> None:
    """Write something to a folder, which is made if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Invalid(
            f"{setting}: nothing can be written to {folder} ({error.strerror}); name a folder that this user may write to, "
            "or give this user the right to"
        ) from error


def _with_patience(settings: Settings, patience: timedelta) -> Settings:
    client = settings.kafka.client.model_copy(update={"start_timeout": patience})
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"client": client})})
