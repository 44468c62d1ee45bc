"""What starts executions by itself."""
