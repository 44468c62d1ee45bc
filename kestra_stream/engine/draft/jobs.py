"""Jobs of the draft: tells workers to stop what they run of the execution."""

from kestra_stream.engine import commands as c
from kestra_stream.engine.step import Step
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.messages import KillRequest


def stop_jobs(step: Step) -> None:
    """Tell every worker to stop what was dispatched so far, in this step or before; what comes later is not meant."""
    execution_id = step.execution.id
    step.command(c.StopJobs(KillRequest(execution_id, before=step.state.sequence + 1)))
    for run_id, epoch in step.offered:
        step.command(c.StopJobs(KillRequest(execution_id, run_id, epoch)))


def stop_job(step: Step, run: TaskRun) -> None:
    """Tell whoever has the present dispatch of a run to stop it."""
    step.command(c.StopJobs(KillRequest(step.execution.id, run.id, run.epoch)))
