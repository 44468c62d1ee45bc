"""Tests on real services may take longer than others: brokers start, elect and expire by clocks of their own."""

import pytest

from tests.services.fixtures import nothing_left

__all__ = ["nothing_left"]
TIMEOUT = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give more time to each test of this directory that does not say how much it needs."""
    for item in items:
        if "tests/integration" in item.path.as_posix() and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT))
