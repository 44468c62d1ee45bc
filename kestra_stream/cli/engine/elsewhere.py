"""Elsewhere: the settings of an engine that others can speak to, and its log alone, for commands that need no more."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kestra_stream.assembly.backend import clock_of, open_backend
from kestra_stream.errors import Invalid
from kestra_stream.queue.interface import Log
from kestra_stream.settings import Settings, load_settings
from kestra_stream.settings.environment import WHOLE

_ENGINE = (WHOLE, "KESTRA_QUEUE_TYPE")


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
