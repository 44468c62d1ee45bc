"""YAML text in, plain data with the place of every value out: what flows and settings are read with."""
