"""Settings of a worker, each with its unit and default."""

import os
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How much a worker does at once, and how much it lets one attempt do.

    Attributes:
        slots: attempts at once.
        grace: seconds before the start of an attempt is told apart from its end.
        tick: seconds between two looks at the running attempts (timeouts, log lines of long attempts).
        heartbeat: seconds between two signs of life.
        interrupt_after: seconds that a stopped attempt has to end by itself before its thread is interrupted.
        cleanup_time: the same for an attempt that has said how it ends its work (a script's processes are being ended).
        abandon_after: seconds after the interruption until the thread is given up and its slot is filled anew.
        drain: seconds that running attempts have to end when the worker stops.
        spill: bytes of one output value above which it goes to storage.
        message: bytes of all outputs of one attempt together above which more of them go to storage.
        outputs: bytes of all outputs above which the attempt fails.
        group: the worker group that is served, for the heartbeat; None for jobs without a group.
    """

    slots: int = field(default_factory=lambda: 8 * (os.cpu_count() or 1))
    grace: float = 0.05
    tick: float = 0.02
    heartbeat: float = 2.0
    interrupt_after: float = 1.0
    cleanup_time: float = 15.0
    abandon_after: float = 5.0
    drain: float = 30.0
    spill: int = 64 * 1024
    message: int = 256 * 1024
    outputs: int = 200 * 1024 * 1024
    group: str | None = None
