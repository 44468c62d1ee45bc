"""Sub-commands, one module with one Typer app each; `main` mounts them."""
