"""What every repository promises of entries that no event tells: log lines, metrics, flows, keys and files. See `repository.py`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from kestra_stream.errors import Invalid
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.records import Level, LogEntry, MetricEntry, MetricType
from kestra_stream.repository.interface import KeyValueEntry, NamespaceFile, Repository
from kestra_stream.repository.query import Filter, Operator, Page

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ALL = Page(1, 1000)
_numbers = count()


def line(line_id: str, minute: int = 0, level: Level = Level.INFO, **changes: Any) -> LogEntry:
    """Return a log line of the execution `e` at that minute."""
    entry = LogEntry(line_id, "e", "company.team", "flow", NOW + timedelta(minutes=minute), level, f"message of {line_id}")
    return replace(entry, **changes)


class RecordsContract:
    """Log lines and metrics."""

    __test__ = False

    def test_a_line_that_comes_twice_is_one_line(self, repository: Repository) -> None:
        """Lines of one moment stand by id, whatever the order in which they came."""
        repository.logs.add([line("b"), line("a"), line("c", -1)])
        repository.logs.add([line("a"), line("d")])
        found = repository.logs.search(Filter(), ALL)
        assert ("".join(entry.id for entry in found.items), found.total) == ("cabd", 4)

    def test_levels_compare_by_severity(self, repository: Repository) -> None:
        """Not by their names."""
        repository.logs.add([line(level.value, number, level) for number, level in enumerate(Level)])

        def ids(level: str, operator: Operator) -> list[str]:
            return [entry.id for entry in repository.logs.search(Filter().where("level", level, operator), ALL).items]

        assert ids("WARN", Operator.GREATER_THAN_OR_EQUAL_TO) == ["WARN", "ERROR"]
        assert ids("DEBUG", Operator.LESS_THAN) == ["TRACE"]
        assert ids("INFO", Operator.EQUALS) == ["INFO"]
        with pytest.raises(Invalid, match="WARN"):
            ids("LOUD", Operator.EQUALS)

    def test_lines_are_found_and_deleted_by_their_fields(self, repository: Repository) -> None:
        """What does not match stays."""
        repository.logs.add([line("a", execution_id="x"), line("b", 1, task_run_id="r", attempt_number=2), line("c", 2, message="needle")])
        assert [entry.id for entry in repository.logs.search(Filter().where("execution_id", "x"), ALL).items] == ["a"]
        assert [entry.id for entry in repository.logs.search(Filter().where("attempt_number", 2), ALL).items] == ["b"]
        assert [entry.id for entry in repository.logs.search(Filter().where("message", "need", Operator.CONTAINS), ALL).items] == ["c"]
        assert repository.logs.delete(Filter().where("execution_id", "e").where("timestamp", NOW, Operator.GREATER_THAN)) == 2
        assert [entry.id for entry in repository.logs.search(Filter(), Page(1, 1)).items] == ["a"]
        assert repository.logs.delete(Filter()) == 1
        with pytest.raises(Invalid, match="task_run_id"):
            repository.logs.search(Filter().where("colour", "red"), ALL)

    def test_metrics_are_kept_like_lines(self, repository: Repository) -> None:
        """Once by id, oldest first."""
        values = [
            MetricEntry(name, "e", "company.team", "flow", "t", "r", NOW - timedelta(seconds=number), MetricType.COUNTER, name, number)
            for number, name in enumerate("abc")
        ]
        repository.metrics.add([*values, values[0]])
        assert [entry.id for entry in repository.metrics.search(Filter(), ALL).items] == ["c", "b", "a"]
        assert list(repository.metrics.search(Filter().where("name", "b"), ALL).items) == [values[1]]
        assert repository.metrics.delete(Filter().where("value", 1, Operator.GREATER_THAN_OR_EQUAL_TO)) == 2


def flow(source: str, namespace: str = "company.team", flow_id: str = "flow", tenant: str = "main") -> FlowSource:
    """Return a flow to save."""
    return FlowSource(tenant, namespace, flow_id, 0, source, {"id": flow_id})


class FlowsContract:
    """Flows and their revisions."""

    __test__ = False

    def test_another_source_is_another_revision(self, repository: Repository) -> None:
        """The same source, but for its `revision:` line, is none."""
        flows = repository.flows
        assert flows.save(flow("id: a\n")).revision == 1
        assert flows.save(flow("id: b\n")).revision == 2
        assert flows.save(flow("revision: 7\nid: b\n")).revision == 2
        assert flows.save(flow("id: a\n")).revision == 3
        first, newest = flows.get("main", "company.team", "flow", 1), flows.get("main", "company.team", "flow")
        assert first is not None
        assert newest is not None
        assert (first.source, newest.revision) == ("id: a\n", 3)
        assert [found.revision for found in flows.revisions("main", "company.team", "flow")] == [1, 2, 3]
        assert flows.get("main", "company.team", "flow", 9) is None

    def test_a_deleted_flow_goes_on_counting_when_it_comes_back(self, repository: Repository) -> None:
        """Its deletion is a revision too."""
        flows = repository.flows
        flows.save(flow("id: a"))
        gone = flows.delete("main", "company.team", "flow")
        assert gone is not None
        assert (gone.revision, gone.deleted) == (2, True)
        assert flows.get("main", "company.team", "flow") is None
        assert flows.delete("main", "company.team", "flow") is None
        assert flows.search(Filter(), ALL).total == 0
        assert flows.save(flow("id: a")).revision == 3
        assert [found.deleted for found in flows.revisions("main", "company.team", "flow")] == [False, True, False]

    def test_flows_are_found_by_namespace(self, repository: Repository) -> None:
        """Each once, in its newest revision, by namespace and id."""
        for namespace, name in (("b", "y"), ("b", "x"), ("a.b", "z"), ("a", "z"), ("a", "z")):
            repository.flows.save(flow(f"id: {next(_numbers)}", namespace, name))
        found = repository.flows.search(Filter(), ALL).items
        assert [(entry.namespace, entry.id) for entry in found] == [("a", "z"), ("a.b", "z"), ("b", "x"), ("b", "y")]
        below = repository.flows.search(Filter().where("namespace", "a", Operator.PREFIX), Page(1, 1))
        assert ([entry.revision for entry in below.items], below.total) == ([2], 2)
        with pytest.raises(Invalid):
            repository.flows.search(Filter().where("colour", "red"), ALL)


def key(name: str, namespace: str = "company.team", **changes: Any) -> KeyValueEntry:
    """Return a key to put."""
    return replace(KeyValueEntry("main", namespace, name, "STRING", f"kestra:///{name}", updated_at=NOW), **changes)


class NamesContract:
    """Keys of the KV store and files of namespaces."""

    __test__ = False

    def test_a_key_counts_its_versions(self, repository: Repository) -> None:
        """And is one of its namespace."""
        keys = repository.key_values
        keys.put(key("a"))
        again = keys.put(key("a", description="new"))
        assert again == key("a", description="new", version=2)
        assert keys.get("main", "company.team", "a") == again
        assert keys.get("main", "company", "a") is None
        assert keys.get("other", "company.team", "a") is None

    def test_a_key_that_must_not_be_overwritten_stays(self, repository: Repository) -> None:
        """Unless it has expired by the time of the new one."""
        keys = repository.key_values
        assert keys.put(key("a", expires_at=NOW + timedelta(seconds=1)), overwrite=False) is not None
        assert keys.put(key("a"), overwrite=False) is None
        late = keys.put(key("a", updated_at=NOW + timedelta(seconds=1)), overwrite=False)
        assert late is not None
        assert late.version == 2

    def test_keys_are_listed_by_name_and_deleted(self, repository: Repository) -> None:
        """Of one namespace, by prefix."""
        keys = repository.key_values
        for name in ("b1", "a", "b0"):
            keys.put(key(name))
        keys.put(key("b2", "company"))
        assert _keys(keys.list("main", "company.team")) == ["a", "b0", "b1"]
        assert _keys(keys.list("main", "company.team", "b")) == ["b0", "b1"]
        assert keys.delete("main", "company.team", "a")
        assert not keys.delete("main", "company.team", "a")
        assert not keys.delete("main", "nowhere", "a")
        assert _keys(keys.list("main", "nowhere")) == []

    def test_files_are_listed_below_a_path(self, repository: Repository) -> None:
        """By path, and counted in versions."""
        files = repository.namespace_files
        for path in ("/b/2", "/b/1", "/a", "/bc", "/a"):
            files.put(NamespaceFile("main", "n", path, f"kestra:///n/_files{path}", 1))
        assert [(file.path, file.version) for file in files.list("main", "n")] == [("/a", 2), ("/b/1", 1), ("/b/2", 1), ("/bc", 1)]
        assert [file.path for file in files.list("main", "n", "/b")] == ["/b/1", "/b/2"]
        assert [file.path for file in files.list("main", "n", "/a")] == ["/a"]
        found = files.get("main", "n", "/a")
        assert found is not None
        assert found.version == 2
        assert files.delete("main", "n", "/a")
        assert not files.delete("main", "n", "/a")
        assert files.get("main", "n", "/a") is None
        with pytest.raises(Invalid, match="/"):
            files.put(NamespaceFile("main", "n", "a", "", 1))


def _keys(entries: Sequence[KeyValueEntry]) -> list[str]:
    return [entry.key for entry in entries]
