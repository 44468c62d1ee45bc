"""Where things lie in internal storage: (namespace, flow, execution, ...) -> absolute paths that end with `/`."""

import re
import unicodedata
from functools import lru_cache

from kestra_stream.plugin.api import TaskInfo

SCHEME = "kestra://"
_NAMESPACE_ONLY = frozenset({"_files", "_kv", "_states"})
_OF_A_FLOW = frozenset({"executions", "states"})


@lru_cache(maxsize=4096)
def slug(text: str) -> str:
    """Return the name of a folder for an id: white space and `_` become `-`, marks and signs go, lower case."""
    plain = "".join(sign for sign in unicodedata.normalize("NFD", re.sub(r"\s", "-", text)) if not unicodedata.combining(sign))
    return re.sub(r"-+", "-", re.sub(r"[^\w-]", "", plain).replace("_", "-")).lower()


@lru_cache(maxsize=4096)
def namespace_folder(namespace: str) -> str:
    """`/company/team/` for `company.team`."""
    return f"/{namespace.replace('.', '/')}/"


def flow_folder(namespace: str, flow_id: str) -> str:
    """The folder of a flow."""
    return f"{namespace_folder(namespace)}{slug(flow_id)}/"


def execution_folder(namespace: str, flow_id: str, execution_id: str) -> str:
    """The folder of an execution."""
    return f"{flow_folder(namespace, flow_id)}executions/{execution_id}/"


def task_run_folder(info: TaskInfo) -> str:
    """The folder of a task run."""
    return f"{execution_folder(info.namespace, info.flow_id, info.execution_id)}tasks/{slug(info.task_id)}/{info.task_run_id}/"


def owner_of(path: str) -> str | None:
    """Return the namespace whose files lie at a path; None when the path is of no known kind."""
    segments = path.strip("/").split("/")
    for index, segment in enumerate(segments):
        if index and segment in _NAMESPACE_ONLY:
            return ".".join(segments[:index])
        if index > 1 and (segment in _OF_A_FLOW or (segment == "cache" and index > 2)):  # noqa: PLR2004 - namespace, flow, task, cache
            return ".".join(segments[: index - (2 if segment == "cache" else 1)])
    return None
