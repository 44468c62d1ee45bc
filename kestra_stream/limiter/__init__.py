"""Limiter: the one owner of each concurrency scope."""
