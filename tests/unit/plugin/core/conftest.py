"""A worker's surroundings in a folder, for every test of a task."""

from pathlib import Path

import pytest

from kestra_stream.plugin.context.encryption import Cipher
from tests.unit.plugin.script.attempts import Place

KEY = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, {"cipher": Cipher(KEY)})
