"""Where there is no repository whoever asks is told why; what the storage tells of itself needs none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kestra_stream.errors import Invalid
from kestra_stream.plugin.api import EngineAccess
from kestra_stream.plugin.context.key_value import NamespaceKeyValues
from kestra_stream.plugin.context.namespace_folder import NamespaceFilesFolder
from kestra_stream.plugin.context.stored_keys import StoredKeyValues
from kestra_stream.repository.absent import absent_repository
from kestra_stream.repository.interface import Repository
from kestra_stream.repository.query import Filter, Page
from kestra_stream.storage.local import LocalStorage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WHY = "this family has none"


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path)


@pytest.fixture
def repository(storage: LocalStorage) -> Repository:
    return absent_repository(WHY, StoredKeyValues(storage))


@pytest.fixture
def engine(repository: Repository, storage: LocalStorage) -> EngineAccess:
    return EngineAccess(repository, storage, lambda _, __: None)


def test_every_query_says_why_it_fails(repository: Repository) -> None:
    with pytest.raises(Invalid, match=rf"log lines cannot be looked up \(logs\.search\): {WHY}"):
        repository.logs.search(Filter(), Page(1, 1))
    with pytest.raises(Invalid, match=rf"executions cannot be looked up \(executions\.get\): {WHY}"):
        repository.executions.get("x")
    with pytest.raises(Invalid, match=WHY):
        repository.metrics.delete(Filter())
    with pytest.raises(Invalid, match=WHY):
        repository.namespace_files.list("main", "a.b")
    with pytest.raises(Invalid, match=WHY):
        repository.namespace_files.get("main", "a.b", "/c")


def test_files_of_a_namespace_work(engine: EngineAccess) -> None:
    folder = NamespaceFilesFolder(engine, "main", "a.b", lambda: NOW)
    folder.put("x/y.txt", b"content")
    assert folder.list() == ["/x/y.txt"]
    assert folder.delete("x/y.txt")
    assert not folder.delete("x/y.txt")


def keys_at(engine: EngineAccess, now: datetime = NOW) -> NamespaceKeyValues:
    return NamespaceKeyValues(engine, "main", "a.b", lambda: now)


def test_keys_are_found_listed_and_deleted(engine: EngineAccess) -> None:
    keys = keys_at(engine)
    keys.set("two", {"a": 1})
    keys.set("one", "x", description="first", ttl=timedelta(hours=1))
    found = keys.get("one")
    assert found is not None
    assert (found.value, found.type, found.description, found.expires_at) == ("x", "STRING", "first", NOW + timedelta(hours=1))
    assert (keys.keys(), keys.keys("t")) == (["one", "two"], ["two"])
    assert keys_at(engine, NOW + timedelta(hours=2)).keys() == ["two"]
    assert keys.delete("two")
    assert not keys.delete("two")
    assert keys.keys() == ["one"]


def test_a_key_that_is_there_is_not_overwritten_unless_it_has_expired(engine: EngineAccess) -> None:
    keys = keys_at(engine)
    keys.set("one", 1, overwrite=False, ttl=timedelta(hours=1))
    with pytest.raises(Invalid, match="must not be overwritten"):
        keys.set("one", 2, overwrite=False)
    later = keys_at(engine, NOW + timedelta(hours=2))
    later.set("one", 3, overwrite=False)
    found = later.get("one")
    assert found is not None
    assert found.value == 3


def test_a_file_of_the_store_that_was_written_by_hand_is_a_key(storage: LocalStorage, repository: Repository) -> None:
    storage.put("main", "kestra:///a/b/_kv/hand.ion", b"1")
    storage.put("main", "kestra:///a/b/_kv/notes.txt", b"1")
    (entry,) = repository.key_values.list("main", "a.b")
    assert (entry.key, entry.type, entry.version) == ("hand", "JSON", 1)
    assert repository.key_values.put(replace(entry, updated_at=None), overwrite=False) is None
