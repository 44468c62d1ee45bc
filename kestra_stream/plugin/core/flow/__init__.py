"""Tasks that decide which tasks run: branches, loops, pauses, subflows."""
