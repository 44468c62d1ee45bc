"""Tasks on stored files: what they write, and that a big file does not have to fit into memory."""

import resource
import tracemalloc

import pytest

from kestra_stream.models.state import StateType
from tests.unit.plugin.core.files import FOLDER, content, stored
from tests.unit.plugin.core.written import core_task
from tests.unit.plugin.script.attempts import Place, Ran

S = StateType


def ran(place: Place, kind: str, properties: str) -> Ran:
    return place.run(core_task(f"storage.{kind}", properties))


def failed(place: Place, kind: str, properties: str) -> str:
    result = ran(place, kind, properties)
    assert result.ended.state is S.FAILED
    return result.ended.error or ""


def test_write_keeps_text_under_its_extension(place: Place) -> None:
    result = ran(place, "Write", "content: \"{{ 'é' | upper }}\"\nextension: .txt")
    assert str(result.outputs["uri"]).endswith(".txt")
    assert content(place, result.outputs["uri"]) == "É".encode()


def test_concat_puts_files_behind_each_other(place: Place) -> None:
    first, second = stored(place, b"a\n", "one"), stored(place, b"b\n", "two")
    assert content(place, ran(place, "Concat", f"files: [{first}, {second}]").outputs["uri"]) == b"a\nb\n"
    as_text = f"files: '[\"{first}\", \"{second}\"]'\nseparator: '--'\nextension: .csv"
    result = ran(place, "Concat", as_text)
    assert content(place, result.outputs["uri"]) == b"a\n--b\n"
    assert str(result.outputs["uri"]).endswith(".csv")


def test_size_counts_bytes(place: Place) -> None:
    assert ran(place, "Size", f"uri: {stored(place, b'12345')}").outputs == {"size": 5}


def test_delete_tells_whether_there_was_one(place: Place) -> None:
    uri = stored(place, b"x")
    assert ran(place, "Delete", f"uri: {uri}").outputs == {"uri": uri, "deleted": True}
    assert ran(place, "Delete", f"uri: {uri}").outputs == {"uri": uri, "deleted": False}
    assert "there is no file" in failed(place, "Delete", f"uri: {uri}\nerrorOnMissing: true")


@pytest.mark.parametrize("uri", ["kestra:///other/ns/f/executions/e9/x", "kestra:///company/team/../x", "file:///etc/passwd"])
def test_a_foreign_file_is_out_of_reach(place: Place, uri: str) -> None:
    for kind in ("Size", "Delete"):
        assert failed(place, kind, f"uri: '{uri}'")
    assert failed(place, "Reverse", f"from: '{uri}'")


# -- split -------------------------------------------------------------------------------------------------------------


def parts(place: Place, uri: str, how: str) -> list[bytes]:
    return [content(place, part) for part in ran(place, "Split", f"from: {uri}\n{how}").outputs["uris"]]


ROWS = b"1\n22\n333\n4444\n55555\n"


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("rows: 2", [b"1\n22\n", b"333\n4444\n", b"55555\n"]),
        ("partitions: 2", [b"1\n333\n55555\n", b"22\n4444\n"]),
        ("partitions: 9", [b"1\n", b"22\n", b"333\n", b"4444\n", b"55555\n"]),
        ("bytes: 6B", [b"1\n22\n", b"333\n", b"4444\n", b"55555\n"]),
        ("bytes: 1KB", [ROWS]),
        ("bytes: 1KB\npartitions: 2\nrows: 1", [ROWS]),
        ("regexPattern: '^(\\d)'", [b"1\n", b"22\n", b"333\n", b"4444\n", b"55555\n"]),
        ("regexPattern: '[45]+'", [b"4444\n", b"55555\n"]),
    ],
)
def test_split_cuts_between_rows(place: Place, how: str, expected: list[bytes]) -> None:
    assert parts(place, stored(place, ROWS), how) == expected


def test_split_takes_another_separator_and_the_row_that_no_separator_ends(place: Place) -> None:
    assert parts(place, stored(place, b"a||b||c"), "rows: 2\nseparator: '||'") == [b"a||b||", b"c||"]


@pytest.mark.parametrize("how", ["regexPattern: '^(\\d+),'", "partitions: 500"])
def test_split_into_many_parts_holds_few_files_open(place: Place, how: str) -> None:
    rows = [f"{number % 500},{number}\n".encode() for number in range(1000)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        found = parts(place, stored(place, b"".join(rows)), how)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == [rows[number] + rows[number + 500] for number in range(500)]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "regexPattern: the regular expression `(` does not parse"), ("(x|xx)+z", "takes more than 1 s for one row")],
)
def test_split_refuses_a_pattern_that_does_not_work(place: Place, pattern: str, message: str) -> None:
    assert message in failed(place, "Split", f"from: {stored(place, b'x' * 60 + bytes([10]))}\nregexPattern: '{pattern}'")


def test_split_of_nothing_is_nothing(place: Place) -> None:
    assert parts(place, stored(place, b""), "rows: 2") == []


@pytest.mark.parametrize(
    ("how", "message"), [("{}", "say how to split"), ("bytes: many", "is not a size"), ("rows: 1\nseparator: ''", "separator")]
)
def test_split_has_to_know_how(place: Place, how: str, message: str) -> None:
    assert message in failed(place, "Split", f"from: {stored(place, ROWS)}\n{'' if how == '{}' else how}")


# -- rows --------------------------------------------------------------------------------------------------------------


def test_deduplicate_keeps_the_last_row_of_a_key(place: Place) -> None:
    uri = stored(place, b'{"id":1,"v":"a"}\n{"id":2,"v":"b"}\n\n{"id":1,"v":"c"}\n')
    result = ran(place, "DeduplicateItems", f"from: {uri}\nexpr: '{{{{ id }}}}'")
    assert content(place, result.outputs["uri"]) == b'{"id":2,"v":"b"}\n{"id":1,"v":"c"}\n'
    counts = {name: value for name, value in result.outputs.items() if name != "uri"}
    assert counts == {"numKeys": 2, "processedItemsTotal": 3, "droppedItemsTotal": 1}


def filtered(place: Place, rows: bytes, properties: str) -> tuple[bytes, int, int]:
    outputs = ran(place, "FilterItems", f"from: {stored(place, rows)}\n{properties}").outputs
    return content(place, outputs["uri"]), outputs["processedItemsTotal"], outputs["droppedItemsTotal"]


AMOUNTS = b'{"n":1}\n{"n":5}\n{"n":9}\n'


def test_filter_keeps_or_drops_rows(place: Place) -> None:
    big = "filterCondition: '{{ n > 4 }}'"
    assert filtered(place, AMOUNTS, big) == (b'{"n":5}\n{"n":9}\n', 3, 1)
    assert filtered(place, AMOUNTS, f"{big}\nfilterType: EXCLUDE") == (b'{"n":1}\n', 3, 2)


@pytest.mark.parametrize(("behavior", "kept"), [("INCLUDE", b'{"n":5}\n{"x":1}\n'), ("EXCLUDE", b'{"n":5}\n')])
def test_a_row_without_an_answer_is_kept_or_dropped(place: Place, behavior: str, kept: bytes) -> None:
    condition = f"filterCondition: '{{{{ n > 4 }}}}'\nerrorOrNullBehavior: {behavior}"
    assert filtered(place, b'{"n":5}\n{"x":1}\n', condition)[0] == kept


def test_a_row_without_an_answer_fails_by_default(place: Place) -> None:
    error = failed(place, "FilterItems", f"from: {stored(place, AMOUNTS)}\nfilterCondition: '{{{{ x > 4 }}}}'")
    assert error.startswith("row 1: ")


def test_rows_in_ion_keep_their_types(place: Place) -> None:
    rows = b"{a:1.50,t:2030-01-01T00:00:00Z,b:{{eA==}}}\n{a:2.}\n"
    kept, total, dropped = filtered(place, rows, "filterCondition: '{{ a < 2 }}'")
    assert (total, dropped) == (2, 1)
    assert kept.startswith(b"{a:1.50,t:2030-01-01T00:00:00")


def test_a_line_that_is_no_row_is_told_by_its_number(place: Place) -> None:
    assert "line 2 is not Ion" in failed(
        place, "FilterItems", f"from: {stored(place, b'1' + bytes([10]) + b'{a:')}\nfilterCondition: 'true'"
    )


# -- reverse -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        (b"1\n2\n3\n", "", b"3\n2\n1\n"),
        (b"1\n2\n3", "", b"3\n2\n1\n"),
        (b"\n1\n", "", b"1\n\n"),
        (b"", "", b""),
        (b"a--b--", "separator: '--'", b"b--a--"),
        ("é;ü".encode("latin-1"), "separator: ';'\ncharset: ISO-8859-1", "ü;é;".encode("latin-1")),
    ],
)
def test_reverse_turns_the_order_of_rows(place: Place, text: bytes, more: str, expected: bytes) -> None:
    assert content(place, ran(place, "Reverse", f"from: {stored(place, text)}\n{more}").outputs["uri"]) == expected


def test_a_big_file_is_reversed_and_split_piece_by_piece(place: Place) -> None:
    """Rows over block borders come out whole, and memory stays far below the size of the file."""
    lines = [str(number).encode() * 50 for number in range(80_000)]
    uri = stored(place, b"\n".join(lines) + b"\n")
    size = sum(map(len, lines))
    assert size > 16 << 20
    reverse, split = core_task("storage.Reverse", f"from: {uri}"), core_task("storage.Split", f"from: {uri}\nrows: 50000")
    tracemalloc.start()
    try:
        reversed_uri = place.run(reverse).outputs["uri"]
        uris = place.run(split).outputs["uris"]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert content(place, reversed_uri).splitlines() == lines[::-1]
    assert b"".join(content(place, one) for one in uris).splitlines() == lines
    assert peak < size / 2


# -- local files and purge ---------------------------------------------------------------------------------------------


def test_local_files_come_and_go(place: Place) -> None:
    uri = stored(place, b"stored")
    properties = f"inputs:\n  a/x.txt: '{{{{ 1 + 1 }}}}'\n  b/x.txt: {uri}\n  empty.txt: null\noutputs: ['**.txt']"
    uris = ran(place, "LocalFiles", properties).outputs["uris"]
    assert {name: content(place, one) for name, one in uris.items()} == {"a/x.txt": b"2", "b/x.txt": b"stored", "empty.txt": b""}


def test_local_files_stay_in_the_directory(place: Place) -> None:
    assert "../x" in failed(place, "LocalFiles", "inputs: {../x: a}")


def test_purge_removes_what_the_execution_has_stored(place: Place) -> None:
    uri = stored(place, b"x")
    other = place.storage.put("main", "kestra:///company/team/f/executions/e2/x", b"y")
    assert ran(place, "PurgeCurrentExecutionFiles", "").outputs == {"uris": [uri]}
    assert list(place.storage.list("main", FOLDER, recursive=True)) == []
    assert content(place, other) == b"y"
