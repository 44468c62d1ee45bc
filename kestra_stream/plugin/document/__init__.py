"""Flow documents: YAML with positions, plugin defaults, rules of the whole, and what to say about a fault."""
