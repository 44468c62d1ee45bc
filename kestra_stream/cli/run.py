"""`run`: flow files and inputs in, an execution on the embedded engine, its story and an exit code out."""

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import typer

from kestra_stream.assembly import Standalone
from kestra_stream.cli import exit_codes
from kestra_stream.cli.follower import Followed, Follower
from kestra_stream.cli.given import given_inputs, given_labels, given_timeout
from kestra_stream.cli.live import Screen, screen_for
from kestra_stream.cli.result import print_result
from kestra_stream.cli.sources import flow_files, read_flows
from kestra_stream.errors import Invalid, InvalidFlow, KestraError
from kestra_stream.models.execution_input import Kill
from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.state import S
from kestra_stream.settings import Settings, StorageSettings

_LOOK = 0.1
_KILL_PATIENCE = 30.0
_ON_PAUSE = ("ask", "stop", "resume", "wait")


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    paths: Sequence[Path]
    inputs: Sequence[str]
    labels: Sequence[str]
    timeout: str | None
    storage: Path
    output: str
    on_pause: str | None


def run_flow(request: Request) -> int:
    """Run the first flow of the request and print how it went; return the exit code."""
    if request.output not in {"table", "json"}:
        raise Invalid(f"-o {request.output}: it must be table or json")
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    on_pause = request.on_pause or ("ask" if is_terminal and request.output == "table" else "stop")
    if on_pause not in _ON_PAUSE:
        raise Invalid(f"--on-pause {on_pause}: it must be one of {', '.join(_ON_PAUSE)}")
    flows = _flows(request.paths)
    timeout = given_timeout(request.timeout)
    labels = given_labels(request.labels)
    engine = Standalone(Settings(storage=StorageSettings(root=request.storage)))
    follower = Follower(engine.backend.log)
    engine.start()
    try:
        saved = [engine.flows.save(_source(flow)) for flow in flows]
        first = saved[0]
        flow = engine.table.get(first.tenant_id, first.namespace, first.id, first.revision)
        if flow is None:
            raise Invalid(f"the flow {first.namespace}.{first.id} could not be stored")
        head = engine.executions.create(flow, given_inputs(flow, request.inputs), labels)
        session = _Session(engine, follower, head.id, on_pause, timeout.total_seconds() if timeout is not None else None)
        with screen_for(engine, follower, head.id, request.output) as screen:
            code = session.run(screen)
        print_result(engine, follower, head.id, request.output)
        return code
    finally:
        follower.close()
        engine.stop()


def _flows(paths: Sequence[Path]) -> list[Flow]:
    """Parse all flows, the one to run first. Raises InvalidFlow with all faults."""
    parsed = [one for path in flow_files(paths) for one in read_flows(path)]
    faults = [fault for one in parsed for fault in one.faults]
    if faults:
        raise InvalidFlow(faults)
    flows = [one.flow for one in parsed if one.flow is not None]
    if not flows:
        raise Invalid(f"there is no flow in {', '.join(map(str, paths))}")
    return flows


def _source(flow: Flow) -> FlowSource:
    return FlowSource(flow.tenant_id, flow.namespace, flow.id, 0, flow.source, {}, flow.disabled)


class _Session:
    """One run from its creation to the exit code."""

    def __init__(self, engine: Standalone, follower: Follower, execution_id: str, on_pause: str, timeout: float | None) -> None:
        self._engine = engine
        self._follower = follower
        self._id = execution_id
        self._on_pause = on_pause
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._is_interrupted = False
        self._timed_out = False
        self._killed_at: float | None = None
        self._resumed: set[tuple[str, int]] = set()

    def run(self, screen: Screen) -> int:
        """Follow the execution to its end; return the exit code."""
        with self._signals():
            while not self._follower.is_done(self._id):
                screen.show(self._follower.poll(_LOOK))
                if self._wants_to_stop() and not self._stop():
                    break
                if self._killed_at is None and self._stops_at_pause(screen):
                    return exit_codes.PAUSED
            screen.show(self._follower.poll(0))
        if self._timed_out:
            return exit_codes.TIMEOUT
        return exit_codes.OK if self._state() in {S.SUCCESS, S.WARNING} else exit_codes.FAILED

    def _state(self) -> S:
        known = self._follower.executions.get(self._id)
        return known.head.state.current if known is not None else S.FAILED

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Turn Ctrl-C and SIGTERM into a kill of the execution."""

        def interrupt(_: int, __: FrameType | None) -> None:
            self._is_interrupted = True

        before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _wants_to_stop(self) -> bool:
        if self._deadline is not None and time.monotonic() >= self._deadline and self._killed_at is None:
            self._timed_out = True
        return self._is_interrupted or self._timed_out

    def _stop(self) -> bool:
        """Kill once, then wait for the end; False when there is no use in waiting any longer."""
        if self._killed_at is None:
            self._killed_at = time.monotonic()
            for execution_id, followed in list(self._follower.executions.items()):
                if not followed.finished:
                    self._engine.executions.send(execution_id, Kill())
        return time.monotonic() < self._killed_at + _KILL_PATIENCE

    def _stops_at_pause(self, screen: Screen) -> bool:
        """Answer pauses as asked; True when the run is to stop at one."""
        if self._on_pause == "wait":
            return False
        for paused in list(self._follower.paused()):
            visit = (paused.head.id, len(paused.head.state.histories))
            if visit in self._resumed or not self._engine.is_settled(paused.head.id, paused.sequence):
                continue
            if self._on_pause == "stop":
                return True
            self._resumed.add(visit)
            self._resume(paused, screen)
        return False

    def _resume(self, paused: Followed, screen: Screen) -> None:
        _, pause = self._engine.executions.paused_task(paused.head)
        asked = pause.on_resume if pause is not None else ()
        values = screen.ask(asked) if self._on_pause == "ask" else {}
        try:
            self._engine.executions.resume(paused.head.id, values)
        except KestraError as error:
            typer.echo(str(error), err=True)
            if self._on_pause == "ask":
                self._resumed.discard((paused.head.id, len(paused.head.state.histories)))
            else:
                self._is_interrupted = True
