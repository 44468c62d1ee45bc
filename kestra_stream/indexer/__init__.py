"""The indexer: what the log tells, folded into the repository. `processor` reads events, log lines and metrics."""
