"""Equipment: what the components of one process share, and the clients of a log too: these load no component."""

import os
from collections.abc import Callable
from typing import Any

from kestra_stream.assembly.backend import Backend
from kestra_stream.expression.dates.zones import zone_of
from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.plugin.api import EngineAccess
from kestra_stream.plugin.context.encryption import Cipher, Vault
from kestra_stream.plugin.context.services import Services
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.plugin.registry import Registry, default_registry
from kestra_stream.queue.interface import Outgoing
from kestra_stream.runtime.claim_check import ClaimCheck
from kestra_stream.runtime.clock import Clock, SystemClock
from kestra_stream.runtime.flow_table import FlowTable
from kestra_stream.runtime.observation.metrics import Metrics
from kestra_stream.runtime.orphans import OrphanSweep
from kestra_stream.settings import Settings
from kestra_stream.topics import EXECUTION_INBOX


class Equipment:
    """What components share: settings, an open backend, the table of flows, what attempts may use.

    Attributes:
        table: all flows.
        services: what attempts share.
        metrics: the figures of the process.
    """

    def __init__(self, settings: Settings, backend: Backend, clock: Clock | None = None, registry: Registry | None = None) -> None:
        self.settings = settings
        self.backend = backend
        self.clock = clock or SystemClock()
        self.registry = registry or default_registry()
        self.table = FlowTable(backend.log, self.parse)
        self.services = worker_services(settings, backend, self.clock, self._command)
        self.metrics = Metrics()
        self._defaults = [default.model_dump() for default in settings.plugins.defaults]

    def parse(self, source: FlowSource) -> Flow:
        """Turn a stored source into a flow."""
        flow = parse_flow(source.source, registry=self.registry, defaults=self._defaults)
        return flow.model_copy(update={"revision": source.revision, "tenant_id": source.tenant_id})

    def sweep(self) -> OrphanSweep:
        """Build what finds files that nothing names any more."""
        return OrphanSweep(self.backend.log, self.backend.storage, self.table.tenants)

    def _command(self, execution_id: str, message: Any) -> None:
        self.backend.log.send((Outgoing(EXECUTION_INBOX, execution_id, message),))


def worker_services(settings: Settings, backend: Backend, clock: Clock, command: Callable[[str, object], None]) -> Services:
    """Assemble what all attempts share."""
    prefix = settings.variables.env_vars_prefix
    return Services(
        engine=EngineAccess(backend.repository, backend.storage, command),
        now=clock.now,
        cipher=Cipher(settings.encryption_key),
        vault=Vault(settings.encryption_key),
        envs={name[len(prefix) :].lower(): value for name, value in os.environ.items() if name.startswith(prefix)},
        globals=settings.variables.globals_,
        kestra={"url": settings.url} if settings.url else {},
        fetch=ClaimCheck(backend.storage).fetch,
        zone=zone_of(settings.time_zone),
        recursive=settings.variables.recursive_rendering,
        most_loop_values=settings.engine.most_loop_values,
    )
