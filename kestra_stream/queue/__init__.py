"""Queue: the ports `Log` and `WorkQueue`, and their members."""
