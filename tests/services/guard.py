"""Starts one service apart from who wants it, and kills it when nobody holds its lifeline any more.

Run as a script: `python guard.py LIFELINE LOG DATA COMMAND...`; prints the service's process id. The guard itself goes on in the background until
the service has ended; when it was killed with the lifeline, its data is removed (DATA may be empty). It is in a session of its own, so that a signal to the group of the test run does not reach it.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading


def main(lifeline: str, log: str, data: str, command: list[str]) -> None:
    """Fork; the parent tells the service's process id, the child stays."""
    reader, writer = os.pipe()
    if os.fork() > 0:
        os.close(writer)
        with os.fdopen(reader) as told:
            sys.stdout.write(told.read())
        return
    os.close(reader)
    os.setsid()
    _redirect(log)
    service = subprocess.Popen(command, start_new_session=True)
    os.write(writer, str(service.pid).encode())
    os.close(writer)
    let_go = threading.Event()
    threading.Thread(target=_kill_at_the_end_of, args=(lifeline, service, let_go), daemon=True).start()
    service.wait()
    if data and let_go.is_set():
        shutil.rmtree(data, ignore_errors=True)


def _redirect(log: str) -> None:
    """Let go of everything that the starter may wait for, and write to the log."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for target, source in ((0, nothing), (1, written), (2, written)):
        os.dup2(source, target)


def _kill_at_the_end_of(lifeline: str, service: subprocess.Popen[bytes], let_go: threading.Event) -> None:
    descriptor = os.open(lifeline, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    let_go.set()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(service.pid, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
