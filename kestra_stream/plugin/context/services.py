"""What all attempts of one worker share, handed to every run context."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from time import thread_time
from typing import Any

from kestra_stream.engine.plan import MOST_LOOP_VALUES, Server
from kestra_stream.plugin.api import EngineAccess
from kestra_stream.plugin.context.encryption import Cipher, Vault
from kestra_stream.plugin.context.secrets import Secrets, environment_secrets

ENV_PREFIX = "ENV_"


def only_own_namespace(reader: str, owner: str) -> bool:
    """Files of another namespace may not be read."""
    return reader == owner


@dataclass(frozen=True, slots=True)
class Services:
    """Shared by all attempts.

    Attributes:
        now: the clock.
        secrets: where `secret()` looks.
        cipher: encrypts what is stored; refuses without the server's key.
        vault: seals what travels.
        envs: what `envs.*` shows: names in lower case.
        kestra: what `kestra.*` shows (`url`, `environment`).
        fetch: (tenant, value) -> the same value with what was spilled to storage put back.
        may_read: (own namespace, other namespace) -> whether files of the other one may be read.
        directory_root: where working directories are made; None for the system's temporary folder.
        recursive: render results again until nothing changes (a server flag).
        most_loop_values: how many values a loop may go through.
        work_time: seconds that the thread has computed, for the time that an expression may take.
    """

    engine: EngineAccess
    now: Callable[[], datetime]
    secrets: Secrets = field(default_factory=environment_secrets)
    cipher: Cipher = field(default_factory=lambda: Cipher(None))
    vault: Vault = field(default_factory=lambda: Vault(None))
    zone: tzinfo = UTC
    envs: Mapping[str, str] = field(default_factory=lambda: environment_variables(os.environ))
    globals: Mapping[str, Any] = field(default_factory=dict)
    kestra: Mapping[str, Any] = field(default_factory=dict)
    fetch: Callable[[str, Any], Any] = lambda _tenant, value: value
    may_read: Callable[[str, str], bool] = only_own_namespace
    directory_root: Path | None = None
    recursive: bool = False
    most_loop_values: int = MOST_LOOP_VALUES
    work_time: Callable[[], float] = thread_time

    @property
    def server(self) -> Server:
        """What the engine, which renders conditions and outputs, shows of the server: the same as an attempt sees."""
        roots = {"envs": self.envs, "globals": self.globals, "kestra": self.kestra}
        return Server(roots, self.zone, self.recursive, self.most_loop_values, self.work_time)


def environment_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what flows may see of a process environment: `ENV_*` without the prefix, in lower case."""
    return {name[len(ENV_PREFIX) :].lower(): value for name, value in environment.items() if name.startswith(ENV_PREFIX)}
