"""Tasks made from templates."""
