"""Processes that scripts start: what a task runner gets, how the two streams are read, how the whole tree is ended."""
