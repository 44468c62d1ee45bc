"""Runtime: the loop around processors, clock, timers, identities, and the global table of flows."""
