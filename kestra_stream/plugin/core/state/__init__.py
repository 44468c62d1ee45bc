"""Deprecated tasks that keep state; the KV store does it better."""
