"""Executor: what happened to executions in, everything that follows out."""
