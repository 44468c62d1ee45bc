"""Which dispatches have been killed: bounded memory of kill requests, asked before a job starts."""

from collections import OrderedDict
from threading import Lock

from kestra_stream.models.messages import KillRequest, TaskJob

_KEPT = 10_000


class Kills:
    """Remembers the newest kill requests of each execution. Thread-safe."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[KillRequest, ...]] = OrderedDict()
        self._lock = Lock()

    def remember(self, request: KillRequest) -> None:
        """Keep a request."""
        with self._lock:
            earlier = self._known.pop(request.execution_id, ())
            kept = tuple(one for one in earlier if one != request)
            self._known[request.execution_id] = (*kept[-100:], request)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)

    def covers(self, job: TaskJob) -> bool:
        """Whether a job was killed before it came; one that was dispatched after the kill (a restart) was not."""
        known = self._known.get(job.execution_id)
        return known is not None and any(matches(request, job) for request in known)


def matches(request: KillRequest, job: TaskJob) -> bool:
    """Whether a request means this dispatch."""
    return (
        request.execution_id == job.execution_id
        and request.task_run_id in {None, job.task_run_id}
        and (request.epoch is None or job.epoch <= request.epoch)
        and (request.before is None or job.sequence < request.before)
    )
