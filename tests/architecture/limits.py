"""The numbers of the house in one table; where one was moved, the decision record that says why stands beside it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that the tree keeps.

    Attributes:
        value: what is allowed now.
        house: what the house asks for.
        decision: number of the record in docs/decisions that moved the value away from the house's; empty while they are equal.
    """

    value: float
    house: float
    decision: str = ""


LIMITS = {
    "file lines, median": Limit(120, 120),
    "file lines, 90th percentile": Limit(300, 300),
    "file lines, longest": Limit(500, 500),
    "function lines, 90th percentile": Limit(20, 20),
    "function lines, longest": Limit(50, 50),
    "class lines": Limit(250, 250),
    "public methods of a class": Limit(12, 12),
    "parameters of a constructor": Limit(7, 7),
    "cyclomatic complexity, mean": Limit(2.2, 2.2),
    "cyclomatic complexity, highest": Limit(10, 10),
    "modules in a package": Limit(15, 15),
    "depth of packages": Limit(4, 4),
    "Any per 1000 lines": Limit(9, 5, "0003"),
    "type: ignore per 1000 lines": Limit(1, 1),
    "cast per 1000 lines": Limit(1, 1),
    "documented public functions, %": Limit(80, 80),
    "comments per 100 lines": Limit(6, 6),
    "lines of a comment": Limit(3, 3),
    "test lines per source line": Limit(0.4, 1.0, "0003"),
    "lines with a mock per 100 tests": Limit(5, 5),
}

# Places that one number does not fit, each with its reason. A place that has come to fit must leave the table.
EXCEPTIONS: dict[str, dict[str, str]] = {
    "file lines, longest": {},
    "class lines": {
        "kestra_stream/testing/contracts/log.py:LogContract": "one test for each promise of the port (0003)",
    },
    "public methods of a class": {
        "kestra_stream/plugin/context/functions.py:IoFunctions": "one method for each function of the flow language (0003)",
        "kestra_stream/plugin/context/run_context.py:AttemptContext": "the page for plugin authors, as one object (0003)",
        "kestra_stream/storage/folder.py:Folder": "one method for each call of the operating system (0003)",
        "kestra_stream/testing/contracts/log.py:LogContract": "one test for each promise of the port (0003)",
        "kestra_stream/testing/contracts/reader.py:LogReaderContract": "one test for each promise of the port (0003)",
        "kestra_stream/testing/contracts/work_queue.py:WorkQueueContract": "one test for each promise of the port (0003)",
    },
    "parameters of a constructor": {},
    "modules in a package": {
        "kestra_stream.models": "one file for each noun of the domain (0003)",
    },
}

# Where `except Exception` may stand: `file:function` -> one of the six borders that house every unknown error.
BORDER_KINDS = frozenset({"loop", "attempt", "trigger", "route", "plugin load", "shutdown"})
BORDERS: dict[str, str] = {
    "kestra_stream/executor/processor.py:Executor._step": "loop",
    "kestra_stream/plugin/registry.py:_loaded": "plugin load",
    "kestra_stream/queue/kafka/clients/overdue.py:_serve": "loop",
    "kestra_stream/queue/kafka/work_queue/owner.py:Owner._run": "loop",
    "kestra_stream/runtime/lifecycle.py:Lifecycle._run": "loop",
    "kestra_stream/runtime/loop.py:Loop._bury": "loop",
    "kestra_stream/runtime/loop.py:Loop._process": "loop",
    "kestra_stream/runtime/loop.py:Loop._wake": "loop",
    "kestra_stream/runtime/observation/management.py:_asked": "route",
    "kestra_stream/runtime/observation/metrics.py:_read": "route",
    "kestra_stream/worker/attempt.py:run_attempt": "attempt",
    "kestra_stream/worker/lookup.py:_answer": "attempt",
    "kestra_stream/worker/outputs.py:_plain": "attempt",
    "kestra_stream/worker/pool/outbox.py:Outbox._send_batch": "loop",
    "kestra_stream/worker/pool/outbox.py:Outbox._send_singly": "loop",
    "kestra_stream/worker/pool/slots.py:Slots._loop": "loop",
    "kestra_stream/worker/processor.py:Worker._guarded": "loop",
    "kestra_stream/worker/task_run.py:JobRunner.run": "attempt",
}

# Imports that may close a circle: two recursive ideas in two files each (decision 0003).
RECURSIVE_IMPORTS = frozenset(
    {
        ("kestra_stream.models.behaviour", "kestra_stream.models.task"),
        ("kestra_stream.expression.functions.rendering", "kestra_stream.expression.template"),
    }
)

# Tests that may wait by the clock, each with its reason.
WAITING_TESTS = {
    "tests/unit/worker/doubles.py": "looks every few milliseconds for what another thread does",
    "tests/unit/worker/test_processor.py": "a task that hears nothing, and the watchdog's own clock, are what is tested",
}
