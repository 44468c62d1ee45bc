"""HTTP tasks and triggers."""
