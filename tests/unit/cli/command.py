"""`kestra-stream` as a whole process, the way a person runs it."""

import os
import subprocess
import sys
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("kestra-stream"))
EXAMPLES = Path(__file__).parents[3] / "examples"


def kestra(
    *arguments: str | Path, cwd: Path, check: int = 0, given: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command, with something on its standard input or nothing, and more environment variables; look at its exit code."""
    command = [COMMAND, *map(str, arguments)]
    stdin = {"stdin": subprocess.DEVNULL} if given is None else {"input": given}
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=100, check=False, **stdin)  # noqa: S603
    assert done.returncode == check, done.stdout + done.stderr
    return done
