"""The built-in plugins, one file for each type; `pyproject.toml` names them as entry points."""
