"""The engine that a command works with: in this process, or elsewhere behind a log."""
