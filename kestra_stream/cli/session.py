"""Session: follows one execution to its end, answers its pauses, and kills it when somebody asks for that."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kestra_stream.cli import exit_codes
from kestra_stream.cli.engine.client import Client
from kestra_stream.cli.follow.followed import Followed
from kestra_stream.cli.interrupts import Interrupts
from kestra_stream.cli.terminal.picture import execution_name
from kestra_stream.cli.terminal.screen import Screen
from kestra_stream.cli.terminal.styled import clean
from kestra_stream.errors import IllegalTransition, Invalid
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.execution_input import Kill
from kestra_stream.models.state import S

_LOOK = 0.1
_GLANCE = 0.001
_KILL_PATIENCE = 60.0
# What runs beside a pause, or beside the failure that ended all, may end, so that what is printed is whole; but nobody waits for long work.
_PATIENCE = 5.0

Visit = tuple[str, str, int]
"""One arrival at a pause: its execution, its task run, and how often that one has changed."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What was asked for: what to do at a pause, after how many seconds to stop, and whether the execution ends with whoever follows it."""

    on_pause: str
    timeout: float | None
    kills: bool = True


class _NothingToAskError(Exception):
    """The pause is over, or the run is to end: nobody needs an answer any more."""


class Session:
    """One run from its creation to the exit code."""

    def __init__(self, client: Client, execution_id: str, terms: Terms, interrupts: Interrupts) -> None:
        self._client = client
        self._follower = client.follower
        self._id = execution_id
        self._terms = terms
        self._interrupts = interrupts
        self._began = time.monotonic()
        self._is_told = False
        self._deadline = None if terms.timeout is None else time.monotonic() + terms.timeout
        self._killed_at: float | None = None
        self._paused_at: float | None = None
        self._done_at: float | None = None
        self._timed_out = False
        self._visited: set[Visit] = set()
        self._killed: set[str] = set()

    def run(self, screen: Screen) -> int:
        """Follow the execution to its end; return the exit code.

        Raises:
            Crashed: the engine can not go on.
        """
        while not self._is_over(screen):
            screen.show(self._follower.poll(_GLANCE if self._follower.is_done(self._id) and not self._follower.has_late_runs() else _LOOK))
            self._client.check()
            self._tell_of_silence(screen)
            if self._wants_to_stop():
                if not self._terms.kills:
                    return exit_codes.TIMEOUT if self._timed_out else exit_codes.LEFT
                if not self._kill(screen):
                    screen.show(self._follower.poll(_LOOK))
                    break
            elif self._terms.on_pause != "wait" and self._stops_at_pause(screen):
                return exit_codes.PAUSED
        screen.show(self._follower.catch_up())
        if self._timed_out:
            return exit_codes.TIMEOUT
        known = self._follower.executions.get(self._follower.last_of(self._id))
        return exit_codes.OK if known is not None and known.head.state.current in {S.SUCCESS, S.WARNING} else exit_codes.FAILED

    def _is_over(self, screen: Screen) -> bool:
        """Whether all has ended, executions that were started in passing and have not been heard of yet included."""
        if not self._follower.is_done(self._id):
            return False
        screen.show(self._follower.catch_up())
        if not self._follower.is_done(self._id):
            return False
        self._done_at = self._done_at or time.monotonic()
        return not self._follower.has_late_runs() or time.monotonic() >= self._done_at + _PATIENCE

    def _tell_of_silence(self, screen: Screen) -> None:
        """Say once that nobody takes up what was sent; it waits in the log, and so does whoever follows it."""
        patience = self._client.patience
        if patience is None or self._is_told or self._id in self._follower.executions or time.monotonic() < self._began + patience:
            return
        self._is_told = True
        screen.say([((f"No executor has taken the execution up for {patience:g} s: is one running? It waits in the log.", "yellow"),)])

    # -- the end by force ----------------------------------------------------------------------------------------------

    def _wants_to_stop(self) -> bool:
        if self._deadline is not None and time.monotonic() >= self._deadline and self._killed_at is None:
            self._timed_out = self._interrupts.count == 0
        return self._interrupts.count > 0 or self._timed_out

    def _kill(self, screen: Screen) -> bool:
        """Kill once, then wait for the end; False when there is no use in waiting any longer."""
        if self._killed_at is None:
            self._killed_at = time.monotonic()
            why = "The time is over" if self._timed_out else "Asked to end"
            screen.say([((f"{why}: killing the execution (Ctrl-C once more leaves at once).", "magenta"),)])
        for execution_id in {self._id, *self._follower.open_executions()} - self._killed:
            self._killed.add(execution_id)
            self._client.executions.send(execution_id, Kill())
        most = 1 if not self._timed_out else 0
        # an execution that is to be created in place of a retried one is not waited for
        works = self._id not in self._follower.executions or self._follower.open_executions()
        patience = _KILL_PATIENCE
        if self._client.patience is not None and self._id not in self._follower.executions:
            patience = self._client.patience  # nobody has taken it up yet: the kill waits in the log behind it
        return bool(works) and self._interrupts.count <= most and time.monotonic() < self._killed_at + patience

    # -- pauses --------------------------------------------------------------------------------------------------------

    def _stops_at_pause(self, screen: Screen) -> bool:
        """Answer pauses as asked; True when the run is to stop at one."""
        for paused in self._follower.paused():
            if self._terms.on_pause == "stop":
                self._paused_at = self._paused_at or time.monotonic()
                return not self._follower.works() or time.monotonic() >= self._paused_at + _PATIENCE
            run = next(paused.paused_runs(), None)
            visit = (paused.head.id, run.id if run is not None else "", len((run or paused.head).state.histories))
            if visit not in self._visited:
                self._visited.add(visit)
                if not self._answer(paused, run, screen):
                    return True
        return False

    def _answer(self, paused: Followed, run: TaskRun | None, screen: Screen) -> bool:
        """Resume one pause with the values that it asks for; False when it stays paused."""
        name = run.task_id if run is not None else paused.head.flow_id
        try:
            values = self._ask(paused, run, screen) if self._terms.on_pause == "ask" else {}
            self._client.executions.resume(paused.head.id, values)
        except (_NothingToAskError, IllegalTransition):
            return True
        except (EOFError, Invalid) as error:
            reason = clean(str(error)) or "no answer"
            screen.say([(), ((f"`{name}` stays paused: {reason}", "red"),)])
            return False
        return True

    def _ask(self, paused: Followed, run: TaskRun | None, screen: Screen) -> Mapping[str, Any]:
        from kestra_stream.cli.terminal.keyboard import Keyboard  # noqa: PLC0415 - only where there is a terminal
        from kestra_stream.cli.terminal.questions import ask_all  # noqa: PLC0415 - only where there is a terminal

        head = paused.head
        _, pause = self._client.executions.paused_task(head)
        name = run.task_id if run is not None else head.flow_id
        where = name if head.id == self._follower.last_of(self._id) else f"{execution_name(paused)} > {name}"
        with screen.pausing():
            keyboard = Keyboard(lambda: self._look(paused, run, screen))
            if pause is None or not pause.on_resume:
                screen.say([((f"Paused at {where}. ", "bold cyan"), ("Press Enter to go on. ", ""))], end="")
                keyboard.line()
                return {}
            screen.say([((f"Paused at {where}, which asks for:", "bold cyan"),)])
            return ask_all(pause.on_resume, lambda values: self._client.executions.review_resume(head.id, values), keyboard, screen.say)

    def _look(self, paused: Followed, run: TaskRun | None, screen: Screen) -> None:
        """Let the run go on while a question waits; end the question with its reason."""
        screen.show(self._follower.poll(0))
        now = paused.head if run is None else paused.runs.get(run.id)
        if self._wants_to_stop() or now is None or now.state.current is not S.PAUSED:
            screen.say([()])
            raise _NothingToAskError
