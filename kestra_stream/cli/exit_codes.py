"""What a command's exit code means."""

OK = 0
FAILED = 1
BAD_INPUT = 2
TIMEOUT = 3
PAUSED = 4
LEFT = 5
