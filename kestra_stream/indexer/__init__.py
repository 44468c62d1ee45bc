"""Indexer: the log in, the repository written."""
