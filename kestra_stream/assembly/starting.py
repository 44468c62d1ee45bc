"""Starting: a broker that is away is waited for, by turns that are told, for as long as the settings say."""

import logging
from datetime import timedelta

from kestra_stream.assembly.topics import prepare_topics
from kestra_stream.errors import Unavailable
from kestra_stream.runtime.clock import Clock
from kestra_stream.settings import Settings

logger = logging.getLogger(__name__)

_TURN = timedelta(seconds=5)


def prepare(settings: Settings, clock: Clock) -> None:
    """Make and verify what a process needs from its log before it can start.

    Raises:
        Unavailable: no broker has answered in time.
        Invalid: a topic or the broker is not what the settings need.
    """
    if settings.queue.type != "kafka":
        return
    longest = settings.kafka.client.start_timeout
    deadline = clock.monotonic() + longest.total_seconds()
    while True:
        left = timedelta(seconds=max(deadline - clock.monotonic(), 1.0))
        try:
            prepare_topics(_with_patience(settings, min(left, _TURN)))
        except Unavailable as error:
            left_seconds = deadline - clock.monotonic()
            if left_seconds <= 0:
                raise Unavailable(f"{error}; given up after kestra.kafka.client.start-timeout ({longest.total_seconds():g} s)") from error
            logger.warning("%s; it is waited for, %.0f s more", error, left_seconds)
        else:
            return


def _with_patience(settings: Settings, patience: timedelta) -> Settings:
    client = settings.kafka.client.model_copy(update={"start_timeout": patience})
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"client": client})})
