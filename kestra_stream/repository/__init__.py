"""Repository: what can be looked up; the ports, queries as values, and their members."""
