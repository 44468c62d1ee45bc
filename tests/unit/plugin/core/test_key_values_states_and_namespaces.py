"""What outlives an execution: keys, states, files of namespaces."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kestra_stream.models.state import StateType
from kestra_stream.plugin.context.key_value import NamespaceKeyValues
from kestra_stream.repository.interface import KeyValueEntry
from tests.unit.plugin.core.files import content, stored
from tests.unit.plugin.core.written import core_task, task_faults
from tests.unit.plugin.script.attempts import Place, Ran
from tests.unit.worker.doubles import now

S = StateType


def ran(place: Place, kind: str, properties: str = "", **job: Any) -> Ran:
    return place.run(core_task(kind, properties), **job)


def outputs(place: Place, kind: str, properties: str = "", **job: Any) -> Any:
    result = ran(place, kind, properties, **job)
    assert result.ended.state is S.SUCCESS, result.ended.error
    return result.ended.outputs


def failed(place: Place, kind: str, properties: str = "") -> str:
    result = ran(place, kind, properties)
    assert result.ended.state is S.FAILED
    return result.ended.error or ""


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind", "stored_as"),
    [
        ("'12'", "", 12),
        ("'[1, 2]'", "", [1, 2]),
        ("hello", "", "hello"),
        ("{a: 1}", "", {"a": 1}),
        ("'12'", "STRING", "12"),
        ("{a: [1, true]}", "STRING", '{"a":[1,true]}'),
        ("'{{ now() | date(\"yyyy\") }}'", "STRING", str(now().year)),
        ("12", "NUMBER", 12),
        ("'1.5'", "NUMBER", 1.5),
        ("'TRUE'", "BOOLEAN", True),
        ("'2030-01-01T00:00:00Z'", "DATETIME", "2030-01-01T00:00:00Z"),
        ("'2030-01-01'", "DATE", "2030-01-01"),
        ("PT5M", "DURATION", "PT5M"),
        ("'{\"a\": 1}'", "JSON", {"a": 1}),
        ("'{{ 1 + 1 }}'", "", 2),
    ],
)
def test_a_key_gives_back_what_was_set(place: Place, value: str, kind: str, stored_as: object) -> None:
    ran(place, "kv.Set", f"key: k\nvalue: {value}" + (f"\nkvType: {kind}" if kind else ""))
    assert outputs(place, "kv.Get", "key: k") == {"value": stored_as}


@pytest.mark.parametrize(
    ("value", "kind"),
    [("x", "NUMBER"), ("true", "NUMBER"), ("nan", "NUMBER"), ("x", "DATETIME"), ("x", "DATE"), ("x", "DURATION"), ("x", "JSON")],
)
def test_a_value_has_to_fit_its_type(place: Place, value: str, kind: str) -> None:
    assert f"not of type {kind}" in failed(place, "kv.Set", f"key: k\nvalue: {value}\nkvType: {kind}")


def test_a_key_that_exists_may_be_kept(place: Place) -> None:
    outputs(place, "kv.Set", "key: k\nvalue: 1\noverwrite: false")
    assert "must not be overwritten" in failed(place, "kv.Set", "key: k\nvalue: 2\noverwrite: false")
    assert outputs(place, "kv.Get", "key: k") == {"value": 1}


def test_a_key_is_found_in_the_namespaces_above(place: Place) -> None:
    outputs(place, "kv.Set", "key: k\nvalue: above\nnamespace: company")
    assert outputs(place, "kv.Get", "key: k") == {"value": "above"}
    assert outputs(place, "kv.Get", "key: k\nnamespace: other") == {"value": None}


def test_a_missing_key_is_null_or_a_failure(place: Place) -> None:
    assert outputs(place, "kv.Get", "key: k") == {"value": None}
    assert "there is no key `k`" in failed(place, "kv.Get", "key: k\nerrorOnMissing: true")
    assert outputs(place, "kv.Delete", "key: k") == {"deleted": False}
    assert "there is no key `k`" in failed(place, "kv.Delete", "key: k\nerrorOnMissing: true")


def test_keys_are_listed_by_prefix(place: Place) -> None:
    for key in ("b1", "a2", "a1"):
        outputs(place, "kv.Set", f"key: {key}\nvalue: 1\nttl: PT1H\nkvDescription: one")
    assert outputs(place, "kv.GetKeys", "prefix: a") == {"keys": ["a1", "a2"]}
    assert outputs(place, "kv.Delete", "key: a1") == {"deleted": True}
    assert outputs(place, "kv.GetKeys") == {"keys": ["a2", "b1"]}


@pytest.mark.parametrize("key", ["../x", "a/b", "-x", ""])
def test_a_key_has_a_plain_name(place: Place, key: str) -> None:
    assert "is no valid key" in failed(place, "kv.Set", f"key: '{key}'\nvalue: 1")


def expired(place: Place, namespace: str, key: str) -> None:
    """Leave a key that has expired."""
    NamespaceKeyValues(place.services.engine, "main", namespace, now).set(key, 1)
    entry = place.repository.key_values.get("main", namespace, key)
    assert entry is not None
    old = datetime.now(UTC) - timedelta(hours=1)
    place.repository.key_values.put(KeyValueEntry("main", namespace, key, entry.type, entry.uri, expires_at=old))


def test_purge_removes_expired_keys_of_namespaces_and_below(place: Place) -> None:
    for namespace in ("company", "company.team", "companyx"):
        expired(place, namespace, "old")
        outputs(place, "kv.Set", f"key: new\nvalue: 1\nnamespace: {namespace}")
    assert outputs(place, "kv.PurgeKV", "namespaces: [company]\nincludeChildNamespaces: false") == {"size": 1}
    assert outputs(place, "kv.PurgeKV", "namespaces: [company]") == {"size": 1}
    assert outputs(place, "kv.PurgeKV", "namespacePattern: 'company*'") == {"size": 1}
    assert [outputs(place, "kv.GetKeys", f"namespace: {name}")["keys"] for name in ("company", "company.team", "companyx")] == [["new"]] * 3


def test_purge_looks_everywhere_by_default(place: Place) -> None:
    for namespace in ("company", "company.team", "other.place"):
        expired(place, namespace, "old")
    assert outputs(place, "kv.PurgeKV", "behavior: {type: key}") == {"size": 3}


def test_purge_removes_keys_and_not_versions() -> None:
    assert "must be one of key, but is `version`" in task_faults("kv.PurgeKV", "behavior: {type: version, keepAmount: 1}")


@pytest.mark.parametrize("choice", ["expiredOnly: false", "behavior: {type: key, expiredOnly: '{{ false }}'}"])
def test_purge_removes_all_keys_of_a_pattern_when_asked_to(place: Place, choice: str) -> None:
    for key in ("tmp_a", "tmp_b", "kept"):
        outputs(place, "kv.Set", f"key: {key}\nvalue: 1")
    assert outputs(place, "kv.PurgeKV", f"keyPattern: 'tmp_*'\n{choice}") == {"size": 2}
    assert outputs(place, "kv.GetKeys") == {"keys": ["kept"]}
    assert "either `namespaces` or" in task_faults("kv.PurgeKV", "namespaces: [a]\nnamespacePattern: b")


# -- states ------------------------------------------------------------------------------------------------------------


def test_a_state_is_merged_at_every_depth(place: Place) -> None:
    outputs(place, "state.Set", "data: {a: {x: 1, y: 1}, b: 1}")
    result = outputs(place, "state.Set", "data: {a: {y: 2}, c: '{{ [3] }}'}")
    assert result["count"] == 3
    assert str(result["key"]).startswith("kestra:///company/team/f/states/default/")
    assert outputs(place, "state.Get") == {"data": {"a": {"x": 1, "y": 2}, "b": 1, "c": [3]}, "count": 3}


def test_states_are_kept_apart_by_name_flow_and_value(place: Place) -> None:
    outputs(place, "state.Set", "data: {a: 1}")
    outputs(place, "state.Set", "data: {a: 2}", value="v")
    outputs(place, "state.Set", "data: {a: 3}\nname: other")
    outputs(place, "state.Set", "data: {a: 4}\nnamespace: true")
    found = [
        outputs(place, "state.Get"),
        outputs(place, "state.Get", value="v"),
        outputs(place, "state.Get", "name: other"),
        outputs(place, "state.Get", "namespace: true"),
        outputs(place, "state.Get", "taskrunValue: false", value="v"),
    ]
    assert [one["data"]["a"] for one in found] == [1, 2, 3, 4, 1]


def test_a_missing_state_is_empty_or_a_failure(place: Place) -> None:
    assert outputs(place, "state.Get") == {"data": {}, "count": 0}
    assert "there is no state `default`" in failed(place, "state.Get", "errorOnMissing: true")
    assert outputs(place, "state.Delete") == {"deleted": False}
    assert "there is no state" in failed(place, "state.Delete", "errorOnMissing: true")
    outputs(place, "state.Set", "data: {a: 1}")
    assert outputs(place, "state.Delete") == {"deleted": True}
    assert outputs(place, "state.Get")["count"] == 0


# -- files of namespaces -----------------------------------------------------------------------------------------------


def test_files_are_uploaded_listed_and_deleted(place: Place) -> None:
    uri = stored(place, b"from storage")
    files = f"files:\n  a.txt: '{{{{ 1 + 1 }}}}'\n  sub/a.txt: {uri}\ndestination: dir"
    assert list(outputs(place, "namespace.UploadFiles", files)["files"]) == ["/dir/a.txt", "/dir/sub/a.txt"]
    found = outputs(place, "namespace.DownloadFiles", "namespace: company.team\nfiles: ['**.txt']")["files"]
    assert {name: content(place, one) for name, one in found.items()} == {"/dir/a.txt": b"2", "/dir/sub/a.txt": b"from storage"}
    moved = outputs(place, "namespace.DownloadFiles", "files: dir/*.txt\ndestination: /copy")["files"]
    assert list(moved) == ["/copy/dir/a.txt"]
    result = ran(place, "namespace.DeleteFiles", "files: '**/sub/*'")
    assert result.outputs == {"files": ["/dir/sub/a.txt"]}
    assert [(metric.name, metric.value) for metric in result.metrics] == [("deleted", 1.0)]


def test_stored_files_keep_their_names(place: Place) -> None:
    uri = stored(place, b"x", "inputs/file/data.csv")
    assert list(outputs(place, "namespace.UploadFiles", f"files: ['{uri}', '*.none']\ndestination: /in")["files"]) == ["/in/data.csv"]


def test_files_may_be_json_text(place: Place) -> None:
    assert list(outputs(place, "namespace.UploadFiles", 'files: \'{{ {"a.json": {"b": 1}} }}\'')["files"]) == ["/a.json"]
    assert content(place, "kestra:///company/team/_files/a.json") == b'{"b":1}'
    assert outputs(place, "namespace.DeleteFiles", "files: '{{ [\"a.json\"] }}'") == {"files": ["/a.json"]}


def test_files_are_no_number(place: Place) -> None:
    assert "files must be globs" in failed(place, "namespace.UploadFiles", "files: 5")


@pytest.mark.parametrize(("conflict", "kept"), [("OVERWRITE", b"new"), ("SKIP", b"old")])
def test_a_file_that_is_there_is_overwritten_or_kept(place: Place, conflict: str, kept: bytes) -> None:
    outputs(place, "namespace.UploadFiles", "files: {a.txt: old}")
    outputs(place, "namespace.UploadFiles", f"files: {{a.txt: new}}\nconflict: {conflict}")
    assert content(place, "kestra:///company/team/_files/a.txt") == kept


def test_a_file_that_is_there_may_be_an_error(place: Place) -> None:
    outputs(place, "namespace.UploadFiles", "files: {a.txt: old}")
    assert "/a.txt is there already" in failed(place, "namespace.UploadFiles", "files: {a.txt: new}\nconflict: ERROR")


def test_an_upload_stays_in_its_namespace(place: Place) -> None:
    assert failed(place, "namespace.UploadFiles", "files: {../../x/_files/a.txt: a}")
