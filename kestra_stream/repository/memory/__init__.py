"""The repository in memory: dictionaries of the frozen entries themselves, gone with the process."""

from kestra_stream.repository.fields import LOG_FIELDS, METRIC_FIELDS
from kestra_stream.repository.interface import Repository
from kestra_stream.repository.memory.executions import MemoryExecutions
from kestra_stream.repository.memory.flows import MemoryFlows
from kestra_stream.repository.memory.key_values import MemoryKeyValues
from kestra_stream.repository.memory.namespace_files import MemoryNamespaceFiles
from kestra_stream.repository.memory.records import MemoryRecords


def memory_repository(max_executions: int | None = None) -> Repository:
    """Build an empty repository; past `max_executions` the oldest that have ended go, with their logs and metrics."""
    logs = MemoryRecords(LOG_FIELDS)
    metrics = MemoryRecords(METRIC_FIELDS)

    def forget(execution_ids: tuple[str, ...]) -> None:
        logs.forget(execution_ids)
        metrics.forget(execution_ids)

    return Repository(MemoryFlows(), MemoryExecutions(max_executions, forget), logs, metrics, MemoryKeyValues(), MemoryNamespaceFiles())
