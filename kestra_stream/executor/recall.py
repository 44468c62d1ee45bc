"""Recall: commands for executions that were let go wait here until the past of each has been read back from the log.

command ──> waits (part `recall` of the state, in the transaction of its offset) ──> the past is read, in another thread ──> done
As long as one waits, all that would bring the execution back to life waits behind it. So nothing of it changes while its past is read,
and what is read after the commit is whole: the events of an execution are written by the owner of its partition alone.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue
from threading import Lock, Thread

from kestra_stream.errors import Retryable
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_input import ExecutionInput
from kestra_stream.queue.interface import Log, StateChange
from kestra_stream.runtime.backoff import Backoff
from kestra_stream.runtime.clock import Clock
from kestra_stream.runtime.past import read_history

logger = logging.getLogger(__name__)

PART = "recall"
Known = tuple[Execution, Sequence[TaskRun], int]
"""An execution that has ended: its head, its task runs, and the number of its last event."""


@dataclass(frozen=True, slots=True)
class Past:
    """What was found of an execution: all that is needed, or why not."""

    known: Known | None
    lost: str = ""


def past_of(log: Log, execution_id: str, now: datetime) -> Past:
    """Read the past of an execution back from the log; one with gaps is none."""
    history = read_history(log, execution_id, now)
    folded = history.until(history.last)
    if folded.head is None and not history.moments:
        return Past(None, "the log keeps nothing of it (any more)")
    if history.missing or folded.head is None:
        return Past(None, "the log does not keep all of its events any more")
    return Past((folded.head, folded.listed(), folded.sequence))


class PastReader:
    """Reads pasts one after the other, in a thread of its own that begins with the first question."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._asked: SimpleQueue[tuple[str, int]] = SimpleQueue()
        self._questions: dict[str, int] = {}
        self._found: dict[str, Past] = {}
        self._count = 0
        self._lock = Lock()
        self._thread: Thread | None = None

    def ask(self, execution_id: str) -> None:
        """Begin to look; nothing happens when that is under way."""
        with self._lock:
            if execution_id in self._questions:
                return
            self._count += 1
            self._questions[execution_id] = self._count
            if self._thread is None:
                self._thread = Thread(target=self._run, name="the reader of pasts", daemon=True)
                self._thread.start()
        self._asked.put((execution_id, self._count))

    def found(self) -> Sequence[str]:
        """Return whose past has been found."""
        with self._lock:
            return tuple(self._found)

    def past(self, execution_id: str) -> Past:
        """Return what was found."""
        return self._found[execution_id]

    def forget(self, execution_id: str) -> None:
        """Let go of what was found, or is looked for: who asks again is told of what has happened until then."""
        with self._lock:
            self._questions.pop(execution_id, None)
            self._found.pop(execution_id, None)

    def _run(self) -> None:
        trouble = Backoff(self._clock)
        while True:
            execution_id, question = self._asked.get()
            try:
                past = past_of(self._log, execution_id, self._clock.now())
            except Retryable as error:
                wait = trouble.failed()
                logger.warning("the past of execution %s: %s; trying again in %s s", execution_id, error, wait)
                time.sleep(wait)
                self._asked.put((execution_id, question))
                continue
            trouble.succeeded()
            with self._lock:
                if self._questions.get(execution_id) == question:
                    self._found[execution_id] = past


Messages = tuple[ExecutionInput, ...]


class Recalls:
    """Who waits for what. Changes count once they are committed."""

    def __init__(self, reader: PastReader) -> None:
        self._reader = reader
        self._waiting: dict[str, Messages] = {}
        self._staged: dict[str, Messages | None] = {}

    def is_waiting(self, execution_id: str) -> bool:
        """Whether commands wait for the past of this execution."""
        return bool(self._messages(execution_id))

    def wait(self, execution_id: str, message: ExecutionInput) -> StateChange:
        """Put a command in line; return what is to be stored."""
        messages = self._staged[execution_id] = (*self._messages(execution_id), message)
        return StateChange(execution_id, PART, messages)

    @property
    def is_due(self) -> bool:
        """Whether somebody waits for a past that is there."""
        return any(execution_id in self._waiting for execution_id in self._reader.found())

    def take(self) -> list[tuple[str, Messages, Past, StateChange]]:
        """Take those whose past is there out of the line; what is to be stored comes with each."""
        due = [execution_id for execution_id in self._reader.found() if execution_id in self._waiting]
        for execution_id in due:
            self._staged[execution_id] = None
        return [
            (execution_id, self._waiting[execution_id], self._reader.past(execution_id), StateChange(execution_id, PART, None))
            for execution_id in due
        ]

    def restore(self, execution_id: str, messages: Iterable[ExecutionInput]) -> None:
        """Take over a line from what is stored."""
        self._waiting[execution_id] = tuple(messages)
        self._reader.ask(execution_id)

    def leave(self, execution_id: str) -> None:
        """Another one takes care of this execution."""
        if self._waiting.pop(execution_id, None) is not None:
            self._reader.forget(execution_id)

    def rolled_back(self) -> None:
        """Forget what the last batch changed."""
        self._staged.clear()

    def committed(self) -> list[str]:
        """What the last batch changed is true now: only from here on the past of an execution is whole. Return who waits no more."""
        done = [execution_id for execution_id, messages in self._staged.items() if messages is None]
        for execution_id, messages in self._staged.items():
            if messages is None:
                self._waiting.pop(execution_id, None)
                self._reader.forget(execution_id)
            else:
                self._waiting[execution_id] = messages
                self._reader.ask(execution_id)
        self._staged.clear()
        return done

    def _messages(self, execution_id: str) -> Messages:
        if execution_id in self._staged:
            return self._staged[execution_id] or ()
        return self._waiting.get(execution_id, ())
