"""Plans: flows compiled once a revision and kept."""

from collections.abc import Callable

from kestra_stream.engine.plan import Plan, Server
from kestra_stream.engine.vault import Vault
from kestra_stream.errors import InvalidFlow
from kestra_stream.models.flow import Flow

NEWEST = 0
FindFlow = Callable[[str, str, str, int], Flow | None]


class Plans:
    """Compiled flows by tenant, namespace, id and revision (0: the newest)."""

    def __init__(self, find: FindFlow, vault: Vault | None = None, server: Server | None = None) -> None:
        self._find = find
        self._vault = vault
        self._server = server
        self._plans: dict[tuple[str, str, str, int], Plan] = {}

    def newest(self, tenant: str, namespace: str, flow_id: str) -> Flow | None:
        """Return the newest revision of a flow, None when it is deleted or can not be read any more."""
        try:
            return self._find(tenant, namespace, flow_id, NEWEST)
        except InvalidFlow:
            return None

    def get(self, tenant: str, namespace: str, flow_id: str, revision: int) -> Plan | None:
        """Return the plan of a revision, None when there is no such flow. Raises InvalidFlow as the flow table does."""
        key = (tenant, namespace, flow_id, revision)
        known = self._plans.get(key) if revision else None
        if known is not None:
            return known
        flow = self._find(tenant, namespace, flow_id, revision)
        if flow is None:
            return None
        key = (tenant, namespace, flow_id, flow.revision)
        plan = self._plans.get(key)
        if plan is None or plan.flow is not flow:
            plan = self._plans[key] = Plan(flow, self._vault, self._server)
        return plan
