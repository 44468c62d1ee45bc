"""`storage clean` does nothing where it cannot know."""

from pathlib import Path

import pytest

from kestra_stream.cli.apps.cleaning import clean_storage
from kestra_stream.errors import Invalid


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (None, "nothing was done"),
        ("PT6H", "nothing was done"),
        ("soon", "--age: must be an ISO-8601 duration"),
        ("PT1S", "--age must be a minute"),
    ],
)
def test_a_log_in_memory_cannot_tell_what_is_still_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: str | None, said: str
) -> None:
    """Nor is an age taken that leaves no time to name what was just stored."""
    monkeypatch.setenv("KESTRA_STORAGE_LOCAL_BASE_PATH", str(tmp_path / "storage"))
    with pytest.raises(Invalid, match=said):
        clean_storage(None, age, dry_run=False)
    assert not (tmp_path / "storage").exists()
