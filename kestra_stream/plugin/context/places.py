"""Whose a stored file is: (`kestra:///` URI) -> namespace; and the folder of a task run."""

from kestra_stream.plugin.api import TaskInfo
from kestra_stream.storage.uri import execution_folder, parse, task_run_folder

_OF_A_NAMESPACE = frozenset({"_files", "_kv"})
_CACHE_DEPTH = 3


def own_execution_folder(info: TaskInfo) -> str:
    """The folder of the execution that a task run belongs to."""
    return execution_folder(info.namespace, info.flow_id, info.execution_id)


def own_folder(info: TaskInfo) -> str:
    """The folder of a task run."""
    return task_run_folder(own_execution_folder(info), info.task_id, info.task_run_id)


def owner_of(uri: str) -> str | None:
    """Return the namespace whose file a URI names; None when it is of no kind that tasks read.

    Raises:
        InvalidUri: the URI is malformed.
    """
    names = parse(uri).names
    for index, name in enumerate(names):
        if index >= 1 and name in _OF_A_NAMESPACE:
            return ".".join(names[:index])
        if index > 1 and name == "executions":
            return ".".join(names[: index - 1])
        if index >= _CACHE_DEPTH and name == "cache":
            return ".".join(names[: index - 2])
    return None
