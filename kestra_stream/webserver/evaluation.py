"""Expressions at the door: inputs and checks are rendered before the execution exists, with all functions at hand."""

from collections.abc import Callable, Mapping
from typing import Any

from kestra_stream.engine.context import nested_labels
from kestra_stream.models.flow import Flow
from kestra_stream.plugin.api import TaskInfo
from kestra_stream.plugin.context.attempt_log import AttemptLog
from kestra_stream.plugin.context.control import Control
from kestra_stream.plugin.context.run_context import AttemptContext
from kestra_stream.plugin.context.secrets import Masker
from kestra_stream.plugin.context.services import Services


def door_evaluation(services: Services, flow: Flow, execution_id: str) -> Callable[[str, Mapping[str, Any]], Any]:
    """Return a function that renders a template, keeping native types, over the flow's context and given variables."""
    info = TaskInfo(flow.tenant_id, flow.namespace, flow.id, flow.revision, execution_id, "", "", 0)
    variables = {
        "flow": {"id": flow.id, "namespace": flow.namespace, "revision": flow.revision, "tenantId": flow.tenant_id},
        "vars": flow.variables,
        "labels": nested_labels(flow.labels),
        "execution": {"id": execution_id},
        "envs": services.envs,
        "globals": services.globals,
        "kestra": services.kestra,
    }
    log = AttemptLog(info, services.now, lambda _: None, Masker())
    context = AttemptContext(info, services, lambda _: dict(variables), log, Control())
    return context.render_typed
