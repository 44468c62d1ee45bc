"""`kestra-stream` on a machine whose clock is wrong: `python -m tests.integration.clocks.shifted SECONDS server executor -c ...`."""

import sys
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from kestra_stream.cli.main import main

if __name__ == "__main__":
    shift = timedelta(seconds=float(sys.argv.pop(1)))
    # the one place where the present moment comes from
    with patch("kestra_stream.runtime.clock.SystemClock.now", lambda _: datetime.now(UTC) + shift):
        main()
