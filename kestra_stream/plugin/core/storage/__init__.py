"""Tasks on files in internal storage."""
