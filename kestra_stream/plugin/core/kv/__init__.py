"""Tasks on the KV store."""
