"""What is left behind when all executions have ended: it must be nothing."""

from collections.abc import Callable

from kestra_stream.executor.ended import ENDED
from kestra_stream.queue.kafka.state.parts import parse_key
from tests.integration.faults.fleet import Fleet
from tests.integration.faults.managed import PATIENCE
from tests.integration.faults.record import last_values
from tests.integration.faults.site import Site
from tests.services.broker import Broker
from tests.services.process import wait_until


def nothing_is_left(fleet: Fleet | Site, kafka: Broker, prefix: str) -> None:
    """No slot is held, nobody waits in a line, no execution and no timer is kept, nobody works, no record was given up, nobody wondered."""
    fleet.wait_ready()
    for what, is_so in (
        ("no slot is held, and nobody waits for one", lambda: not _held(kafka, prefix)),
        ("no execution is kept", lambda: not _kept(kafka, prefix)),
        ("no timer waits", _sums_to_nothing(fleet, "kestra_timers_waiting")),
        ("no execution is live", _sums_to_nothing(fleet, "kestra_live_executions")),
        ("nobody works", _sums_to_nothing(fleet, "kestra_worker_slots_used")),
    ):
        wait_until(is_so, PATIENCE, what)
    assert last_values(kafka, f"{prefix}dead_letter") == {}
    assert fleet.surprises() == []


def _kept(kafka: Broker, prefix: str) -> list[tuple[str, str]]:
    """Return what is kept of executions, but for the marks that they have ended, which go after some minutes."""
    names = (parse_key(key) for key in last_values(kafka, f"{prefix}executor_state"))
    return [name for name in names if name is not None and name[1] != ENDED]


def _held(kafka: Broker, prefix: str) -> list[bytes]:
    return [key for key in last_values(kafka, f"{prefix}limiter_state") if b"holder/" in key or b"line/" in key]


def _sums_to_nothing(fleet: Fleet | Site, figure: str) -> Callable[[], bool]:
    return lambda: sum(member.figure(figure) for member in fleet.members) == 0
