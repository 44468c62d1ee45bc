"""Answers a LookupJob: calls of functions that need IO -> values, or the messages of their errors."""

import orjson

from kestra_stream.engine.vault import SEALED
from kestra_stream.errors import KestraError
from kestra_stream.models.document import to_plain
from kestra_stream.models.execution_input import LookedUp, LookupAnswer
from kestra_stream.models.messages import LookupCall, LookupJob
from kestra_stream.plugin.api import TaskInfo
from kestra_stream.plugin.context.encryption import Vault
from kestra_stream.plugin.context.files import AttemptFiles
from kestra_stream.plugin.context.functions import IoFunctions
from kestra_stream.plugin.context.services import Services


def answer(job: LookupJob, services: Services) -> LookedUp:
    """Call every function of the job; one that fails answers with its error and disturbs no other."""
    info = TaskInfo(job.tenant_id, job.namespace, job.flow_id, job.flow_revision, job.execution_id, "", "", 0)

    def trigger() -> dict[str, object]:
        execution = services.engine.repository.executions.get(job.execution_id)
        return dict(execution.trigger.variables) if execution is not None and execution.trigger is not None else {}

    files = AttemptFiles(info, services.engine.storage, trigger, lambda other: services.may_read(info.namespace, other))
    functions = IoFunctions(info, services, files, lambda _secret: None)
    return LookedUp(job.lookup_id, tuple(_answer(call, functions, services.vault) for call in job.calls))


# What these find is nobody's to read on the log.
_SECRET = frozenset({"secret", "decrypt"})


def _answer(call: LookupCall, functions: IoFunctions, vault: Vault) -> LookupAnswer:
    try:
        args, kwargs = call.args, call.kwargs
        if call.sealed is not None:
            args, kwargs = orjson.loads(vault.open(call.sealed))
        value = to_plain(functions.call(call.function, tuple(args), kwargs))
        if call.function in _SECRET:
            value = {SEALED: vault.seal(orjson.dumps(value).decode(), call.key)}
        return LookupAnswer(call.key, value)
    except KestraError as error:
        return LookupAnswer(call.key, error=str(error))
    except Exception as error:  # noqa: BLE001 - the border of an attempt: a backend may raise anything
        return LookupAnswer(call.key, error=f"{call.function}(): {type(error).__name__}: {error}")
