"""What a running attempt may touch: rendering, logs, files, KV store, secrets, its directory; the protocols of `api.py` made real."""
