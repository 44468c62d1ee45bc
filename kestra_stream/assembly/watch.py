"""Watch: a server in, its health for probes and its figures for scrapers out."""

from functools import partial
from importlib.metadata import version

from kestra_stream.assembly.server import Server
from kestra_stream.runtime.clock import LogClock
from kestra_stream.runtime.lifecycle import Crashed
from kestra_stream.runtime.loop import Loop
from kestra_stream.runtime.observation.figures import FIGURES
from kestra_stream.runtime.observation.health import Health
from kestra_stream.runtime.observation.management import Management
from kestra_stream.topics import Topic, job_topic


class Watch:
    """Looks at a server from outside.

    Args:
        server: what it looks at; its figures are shown from now on.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._longest_step = server.equipment.settings.server.liveness.step_timeout.total_seconds()
        self._show_figures()

    def listen(self) -> Management:
        """Open the management port of the settings.

        Raises:
            Invalid: the port can not be had.
        """
        settings = self._server.equipment.settings.server
        probes = {"/health": self.health, "/health/liveness": self.liveness, "/health/readiness": self.readiness}
        return Management(settings.host, settings.port, probes, self._server.equipment.metrics)

    def health(self) -> Health:
        """Return all that is known."""
        return Health.whole({"service": self._service(), **self._loops(), **self._worker(), "readiness": self.readiness()})

    def liveness(self) -> Health:
        """Return DOWN when only a new process helps: something has crashed, or a step does not end."""
        return Health.whole({"service": self._service(), **self._loops()})

    def readiness(self) -> Health:
        """Return DOWN until partitions are known and restored and the worker takes jobs.

        And again while it drains, while the log is away, and while a loop cannot go on: a full disk below its state, for instance.
        """
        server = self._server
        answers = server.equipment.backend.answers()
        parts = {"log": Health.of(is_up=answers, answers=answers)}
        parts |= {f"loop-{group}": _progress(loop) for group, loop in server.loops.items()}
        if server.worker is not None:
            parts["worker"] = Health.of(is_up=server.worker.is_taking, takesJobs=server.worker.is_taking)
        return Health.whole({"service": Health.of(is_up=not server.is_draining, draining=server.is_draining), **parts})

    def _service(self) -> Health:
        server = self._server
        told = {"id": server.id, "type": server.component.upper(), "version": version("kestra-stream")}
        try:
            server.check()
        except Crashed as error:
            return Health.of(is_up=False, error=str(error), **told)
        return Health.of(is_up=True, family=server.equipment.backend.family, **told)

    def _loops(self) -> dict[str, Health]:
        return {f"loop-{group}": self._loop(loop) for group, loop in self._server.loops.items()}

    def _loop(self, loop: Loop) -> Health:
        seconds = loop.pulse.busy_seconds
        # a step that waits for a log that is away ends by itself; a new process would wait as well
        is_up = seconds <= self._longest_step or not self._server.equipment.backend.answers()
        return Health.of(is_up=is_up, stepSeconds=round(seconds, 3))

    def _worker(self) -> dict[str, Health]:
        worker = self._server.worker
        if worker is None:
            return {}
        group = self._server.equipment.settings.worker.group
        return {"worker": Health.of(is_up=worker.error is None, group=group, slots=worker.limits.slots, slotsUsed=worker.busy_slots)}

    def _show_figures(self) -> None:
        server, metrics = self._server, self._server.equipment.metrics
        for name, meaning in FIGURES.items():
            metrics.explain(name, meaning)
        family = server.equipment.backend.family
        metrics.level("info", lambda: 1, version=version("kestra-stream"), component=server.component.value, id=server.id, family=family)
        if isinstance(clock := server.equipment.clock, LogClock):
            metrics.level("clock_skew_seconds", lambda: clock.skew_seconds)
        for loop in server.loops.values():
            self._show_loop(loop)
        if (executor := server.executor) is not None:
            metrics.level("live_executions", lambda: executor.live_executions)
            metrics.level("timers_waiting", lambda: executor.timers_waiting)
            metrics.total("stale_results", lambda: executor.stale_results)
        if (worker := server.worker) is not None:
            group = server.equipment.settings.worker.group or ""
            metrics.level("worker_slots", lambda: worker.limits.slots, group=group)
            metrics.level("worker_slots_used", lambda: worker.busy_slots, group=group)
            metrics.level("worker_unsent", lambda: len(worker.outbox), group=group)
            metrics.total("worker_jobs", lambda: worker.jobs_begun, group=group)
            topic = job_topic(group or None).name
            metrics.level("lag", lambda: worker.jobs_waiting, group=topic, topic=topic)
            metrics.total("dead_letters", lambda: worker.dead_letters, group=topic)

    def _show_loop(self, loop: Loop) -> None:
        metrics, group = self._server.equipment.metrics, loop.processor.group
        for topic in loop.processor.topics:
            metrics.level("lag", partial(_lag, loop, topic), group=group, topic=topic.name)
        metrics.total("dead_letters", lambda: loop.dead_letters, group=group)


def _progress(loop: Loop) -> Health:
    joined, trouble = loop.has_joined, loop.trouble
    return Health.of(is_up=joined and not trouble, joined=joined, **({"trouble": trouble} if trouble else {}))


def _lag(loop: Loop, topic: Topic) -> int:
    return loop.lags.get(topic.name, 0)
