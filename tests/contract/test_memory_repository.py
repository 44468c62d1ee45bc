"""The repository in memory keeps what every repository promises."""

import pytest

from kestra_stream.repository.interface import Repository
from kestra_stream.repository.memory import memory_repository
from kestra_stream.testing.contracts.repository import RepositoryContract


class TestMemoryRepository(RepositoryContract):
    """Without a limit."""

    __test__ = True

    @pytest.fixture
    def repository(self) -> Repository:
        return memory_repository()


class TestLimitedMemoryRepository(RepositoryContract):
    """With a limit that is never reached."""

    __test__ = True

    @pytest.fixture
    def repository(self) -> Repository:
        return memory_repository(max_executions=100_000)
