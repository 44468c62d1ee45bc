"""Answers a LookupJob: calls of functions that need IO -> values, or the messages of their errors."""

from kestra_stream.errors import KestraError
from kestra_stream.models.execution_input import LookedUp, LookupAnswer
from kestra_stream.models.messages import LookupCall, LookupJob
from kestra_stream.plugin.api import TaskInfo
from kestra_stream.plugin.context.files import AttemptFiles
from kestra_stream.plugin.context.functions import IoFunctions
from kestra_stream.plugin.context.services import Services
from kestra_stream.worker.plain import plain


def answer(job: LookupJob, services: Services) -> LookedUp:
    """Call every function of the job; one that fails answers with its error and disturbs no other."""
    info = TaskInfo(job.tenant_id, job.namespace, job.flow_id, job.flow_revision, job.execution_id, "", "", 0)

    def trigger() -> dict[str, object]:
        execution = services.engine.repository.executions.get(job.execution_id)
        return dict(execution.trigger.variables) if execution is not None and execution.trigger is not None else {}

    files = AttemptFiles(info, services.engine.storage, trigger, lambda other: services.may_read(info.namespace, other))
    functions = IoFunctions(info, services, files, lambda _secret: None)
    return LookedUp(job.lookup_id, tuple(_answer(call, functions) for call in job.calls))


def _answer(call: LookupCall, functions: IoFunctions) -> LookupAnswer:
    try:
        return LookupAnswer(call.key, plain(functions.call(call.function, call.args, call.kwargs)))
    except KestraError as error:
        return LookupAnswer(call.key, error=str(error))
    except Exception as error:  # noqa: BLE001 - the border of an attempt: a backend may raise anything
        return LookupAnswer(call.key, error=f"{call.function}(): {type(error).__name__}: {error}")
