"""Work of the draft: what must wait for a later step, and long pieces that are cut into several."""

from kestra_stream.engine import commands as c
from kestra_stream.engine.allowance import BURST, MOST_IN_A_STEP
from kestra_stream.engine.state import EMPTY_BACKLOG, Work, WorkKind
from kestra_stream.engine.step import Step
from kestra_stream.models.execution_input import Continued
from kestra_stream.models.state import S


def postpone(step: Step, work: Work) -> None:
    """Leave work for a later step."""
    step.todo = step.todo.with_work(work)


def take_todo(step: Step) -> None:
    """Take up the work that waited, failures first: what waits beside a failure does not go on."""
    if step.todo.items:
        waiting = sorted(step.todo.taken(), key=lambda work: not _tells_failure(step, work))
        step.queue.extendleft(reversed(waiting))
        step.todo = EMPTY_BACKLOG


def _tells_failure(step: Step, work: Work) -> bool:
    run = step.task_runs.get(work[1]) if work[0] is WorkKind.FOLD else None
    return run is not None and run.state.current in {S.FAILED, S.KILLED}


def cut(step: Step) -> None:
    """Ask to be called again for the rest of a long piece of work."""
    if not step.is_continuing:
        step.is_continuing = True
        step.command(c.Tell(step.execution.id, Continued()))


def has_worked_enough(step: Step) -> bool:
    """Whether others should have their turn: expressions have used much in this step.

    What has used much of late works in steps of its own (`Continued`), of which there is one at a time, and not in each of the many
    that reports of workers begin.
    """
    if step.rendered > MOST_IN_A_STEP:
        return True
    goes_on = step.state.is_continuing and not step.is_continuing
    return step.spent > BURST // 10 and not goes_on
