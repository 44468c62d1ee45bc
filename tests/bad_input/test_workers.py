"""Workers that go away with work in their hands."""

from datetime import timedelta
from threading import Event

import pytest

from kestra_stream.plugin.api import RunContext
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.processor import Worker
from tests.bad_input.bench import Bench

pytestmark = pytest.mark.slow


def test_the_job_of_a_worker_that_goes_away_is_run_by_another(bench: Bench) -> None:
    log, started, ended = bench.engine.backend.log, Event(), Event()
    limits = WorkerLimits(slots=1, interrupt_after=0.1)
    other = Worker(log, bench.engine.backend.work_queue(None), bench.engine.table.get, bench.engine.services, "other", limits)
    hold = Event()

    def waits(_: RunContext) -> None:
        hold.wait(60)

    busy = [bench.does(waits) for _ in range(4)]
    bench.until(lambda: bench.engine.busy_slots == 4)

    def work(context: RunContext) -> dict[str, int]:
        if not started.is_set():
            started.set()
            context.sleep(timedelta(minutes=5))
        ended.set()
        return {"v": 1}

    execution = bench.does(work)
    other.start()
    assert started.wait(20)
    other.stop(drain=0)
    hold.set()
    story = bench.end(execution)
    assert (story.state, story.run("bad").outputs, ended.is_set()) == ("SUCCESS", {"v": 1}, True)
    assert story.run("bad").epoch > 1
    assert {bench.end(one).state for one in busy} == {"SUCCESS"}
