"""The machinery of slots: threads, stop switches, the watchdog that enforces them, and the way to the log."""
