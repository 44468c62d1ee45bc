"""Tasks for trying things out."""
