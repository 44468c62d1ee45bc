"""Execution: commands for executions that are on a log, and what they were."""
