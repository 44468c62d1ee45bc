"""Contracts hold on real services, too."""

from tests.services.fixtures import nothing_left

__all__ = ["nothing_left"]
