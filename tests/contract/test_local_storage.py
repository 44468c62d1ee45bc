"""Local storage keeps what every storage promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kestra_stream.storage.interface import Storage
from kestra_stream.storage.local import LocalStorage
from kestra_stream.testing.contracts.storage import StorageContract


class TestLocalStorage(StorageContract):
    """Below a directory that is not there yet."""

    __test__ = True

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[Storage]:
        root = tmp_path / "not" / "yet"
        yield LocalStorage(root)
        hidden = [path.name for path in root.rglob("*") if path.is_file() and path.name.startswith(".kestra-")]
        assert hidden == [], "a part of a file was left"
