"""What is left behind when all executions have ended: it must be nothing."""

from collections.abc import Callable

from tests.integration.faults.fleet import PATIENCE, Fleet
from tests.integration.faults.record import last_values
from tests.services.broker import Broker
from tests.services.process import wait_until


def nothing_is_left(fleet: Fleet, kafka: Broker, prefix: str) -> None:
    """No slot is held, nobody waits in a line, no execution and no timer is kept, nobody works, no record was given up."""
    fleet.wait_ready()
    for what, is_so in (
        ("no slot is held, and nobody waits for one", lambda: not _held(kafka, prefix)),
        ("no execution is kept", lambda: not last_values(kafka, f"{prefix}executor_state")),
        ("no timer waits", _sums_to_nothing(fleet, "executor", "kestra_timers_waiting")),
        ("no execution is live", _sums_to_nothing(fleet, "executor", "kestra_live_executions")),
        ("nobody works", _sums_to_nothing(fleet, "worker", "kestra_worker_slots_used")),
    ):
        wait_until(is_so, PATIENCE, what)
    assert last_values(kafka, f"{prefix}dead_letter") == {}


def _held(kafka: Broker, prefix: str) -> list[bytes]:
    return [key for key in last_values(kafka, f"{prefix}limiter_state") if b"holder/" in key or b"line/" in key]


def _sums_to_nothing(fleet: Fleet, component: str, figure: str) -> Callable[[], bool]:
    return lambda: sum(member.figure(figure) for member in fleet.members if member.component == component) == 0
