"""Which worker groups have a worker that lives: the heartbeats in `service`, read whole by every executor.

A worker lives until it says that it ends, or until the processor of liveness, which counts its silence, says so for it: no clock is
compared here.
"""

from collections.abc import Sequence
from threading import Lock

from kestra_stream.models.messages import ServiceHeartbeat, ServiceState
from kestra_stream.queue.interface import Log, Record
from kestra_stream.topics import SERVICE


class WorkerGroups:
    """The worker groups of a log. Thread-safe."""

    def __init__(self, log: Log) -> None:
        self._reader = log.reader((SERVICE,))
        self._workers: dict[str, str] = {}
        self._was_at_the_end = False
        self._lock = Lock()

    def has_worker(self, group: str) -> bool:
        """Tell whether the group has a worker; only where none is known to live the topic is read to its end.

        Raises:
            Unavailable: the log does not give what it has.
        """
        with self._lock:
            while self._was_at_the_end and (records := self._reader.poll(1000, 0)):
                self._take(records)
            if not self._was_at_the_end or group not in self._workers.values():
                for records in self._reader.catch_up():
                    self._take(records)
                self._was_at_the_end = True
            return group in self._workers.values()

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()

    def _take(self, records: Sequence[Record]) -> None:
        for record in records:
            beat = record.value
            if not isinstance(beat, ServiceHeartbeat) or beat.worker_group is None:
                continue
            if beat.state is ServiceState.RUNNING:
                self._workers[beat.service_id] = beat.worker_group
            else:
                self._workers.pop(beat.service_id, None)
