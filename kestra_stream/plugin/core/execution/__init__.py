"""Tasks about executions."""
