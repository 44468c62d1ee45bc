"""The heart: `decide(state, input, now) -> Decision`. Pure; it knows no clock, queue, disk or thread."""
