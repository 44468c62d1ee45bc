"""Orders: a command for an execution in, the executor's answer out: what happened, what it refuses, or that nobody answers."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kestra_stream.cli.engine.client import Client
from kestra_stream.cli.follow.followed import Followed
from kestra_stream.cli.given import given_values
from kestra_stream.errors import NotFound
from kestra_stream.models.execution import Execution
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import S
from kestra_stream.runtime.past import read_history

_LOOK = 0.1


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order.

    Attributes:
        head: the execution as it is now (the new one, where one was created).
        is_done: whether what was asked for has happened.
        refusal: why not, in the words of the executor; None when nobody answered.
    """

    order: str
    execution_id: str
    head: Execution
    is_done: bool
    refusal: str | None = None


def reach(client: Client, execution_id: str, *, whole: bool = False) -> Followed:
    """Learn all that the log knows of an execution, and follow it from there on.

    Raises:
        NotFound: the log knows nothing of it; or it is to be `whole`, has ended, and events of it are not kept any more.
    """
    client.follower.follow(execution_id)
    history = read_history(client.door.log, execution_id, client.now())
    client.follower.begin_with(moment.event for moment in history.moments)
    known = client.follower.executions.get(execution_id)
    if known is None:
        raise NotFound(
            f"the log knows no execution {execution_id}: check the id; one that was just started is known once an executor has taken it "
            "up, an old one until its events are past the retention of the topic"
        )
    if whole and history.missing and known.finished:
        raise NotFound(f"the log does not keep all events of execution {execution_id} any more, so nothing can be made of it")
    return known


def started(client: Client, head: Execution, patience: float) -> Answer:
    """Wait until an executor has taken up an execution that was just created."""
    return _answer(client, "start", Followed(head), patience, lambda: head.id in client.follower.executions)


def kill(client: Client, execution_id: str, patience: float) -> Answer:
    """End an execution and those it has called."""
    known = reach(client, execution_id)
    client.executions.kill(execution_id)
    return _answer(client, "kill", known, patience, lambda: known.head.state.current is S.KILLING or known.head.state.is_terminal)


def pause(client: Client, execution_id: str, patience: float) -> Answer:
    """Let nothing new start."""
    known = reach(client, execution_id)
    client.executions.pause(execution_id)
    return _answer(client, "pause", known, patience, lambda: known.head.state.current is S.PAUSED or known.head.state.is_terminal)


def resume(client: Client, execution_id: str, patience: float, given: Sequence[str] = ()) -> Answer:
    """Let a paused execution go on, with values (`name=value`) for what its pause asks.

    Raises:
        InvalidInputs: a value does not fit; the execution stays paused.
    """
    known = reach(client, execution_id)
    run, asked = client.executions.paused_task(known.head)
    values = given_values("the pause", asked.on_resume if asked is not None else (), given)
    client.executions.resume(execution_id, values)

    def has_resumed() -> bool:
        now = known.runs.get(run.id) if run is not None else None
        return known.head.state.current is not S.PAUSED if run is None else now is None or now.state.current is not S.PAUSED

    return _answer(client, "resume", known, patience, has_resumed)


def force_run(client: Client, execution_id: str, patience: float) -> Answer:
    """Run it now, past any limit."""
    known = reach(client, execution_id)
    before = known.head.state.current
    client.executions.force_run(execution_id)
    return _answer(client, "force-run", known, patience, lambda: known.head.state.current is not before)


def restart(client: Client, execution_id: str, patience: float, revision: int | None = None) -> Answer:
    """Run it again from where it failed; as a new execution, when it is to be another revision."""
    known = reach(client, execution_id, whole=True)
    before = known.head.attempt_number
    new_id = client.executions.restart(execution_id, revision)
    if new_id != execution_id:
        return _creation(client, "restart", known, new_id, patience)
    return _answer(client, "restart", known, patience, lambda: known.head.attempt_number > before)


def replay(client: Client, execution_id: str, patience: float, task_run_id: str | None = None, revision: int | None = None) -> Answer:
    """Create an execution from it, from the start or from a task run."""
    known = reach(client, execution_id, whole=True)
    return _creation(client, "replay", known, client.executions.replay(execution_id, task_run_id, revision), patience)


def _creation(client: Client, order: str, known: Followed, new_id: str, patience: float) -> Answer:
    follower = client.follower
    follower.follow(new_id)
    answer = _answer(client, order, known, patience, lambda: new_id in follower.executions)
    if not answer.is_done:
        return answer
    return Answer(order, known.head.id, follower.executions[new_id].head, is_done=True)


def _answer(client: Client, order: str, known: Followed, patience: float, is_done: Callable[[], bool]) -> Answer:
    """Wait until it is done, or the executor says why not in the execution's log; not for ever."""
    deadline = time.monotonic() + patience
    refusal: str | None = None
    while not is_done() and refusal is None and time.monotonic() < deadline:
        client.check()
        refusal = _refusal(client.follower.poll(_LOOK), known.head.id) if not is_done() else None
    done = is_done()
    head = client.follower.executions.get(known.head.id, known).head
    return Answer(order, head.id, head, done, None if done else refusal)


def _refusal(lines: list[LogEntry], execution_id: str) -> str | None:
    for line in lines:
        if line.execution_id == execution_id and line.task_run_id is None and line.level is Level.WARN:
            return line.message
    return None


ORDERS: Mapping[str, Callable[..., Answer]] = {
    "kill": kill,
    "pause": pause,
    "resume": resume,
    "force_run": force_run,
    "restart": restart,
    "replay": replay,
}
