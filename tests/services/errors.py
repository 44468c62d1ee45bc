"""What can go wrong with a service: every message ends with the remedy."""


class ServiceError(Exception):
    """A service cannot be installed, started or used."""
