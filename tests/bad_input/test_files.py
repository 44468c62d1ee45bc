"""Files that lead elsewhere, are no files, or belong to somebody else."""

import pytest

from tests.bad_input.bench import Bench
from tests.bad_input.test_scripts import PYTHON, script

pytestmark = pytest.mark.slow


def kept(bench: Bench, definition: str) -> list[str]:
    """Names of the output files of a task."""
    story = bench.end(bench.task(definition))
    assert story.state == "SUCCESS", story.errors
    return sorted((story.run("bad").outputs or {})["outputFiles"])


@pytest.mark.parametrize(
    "text",
    [
        "ln -s /etc/passwd secret; ln -s /etc folder; ln -s ../.. up; ln -s loop loop; ln -s nothing gone; echo x > good",
        "mkfifo pipe; echo x > good",
        "python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('socket')\"; echo x > good",
    ],
    ids=["links", "pipe", "socket"],
)
def test_only_real_files_inside_are_kept(bench: Bench, text: str) -> None:
    assert kept(bench, script(text, 'outputFiles: ["**"]')) == ["good"]


def test_thousands_of_files_are_kept_and_named_in_storage(bench: Bench) -> None:
    story = bench.end(bench.task(script("for n in range(2000): open(f'f{n}', 'w').write('x')", 'outputFiles: ["*"]', PYTHON)))
    assert story.state == "SUCCESS"
    assert "$spilled" in (story.run("bad").outputs or {})["outputFiles"]


@pytest.mark.parametrize(
    ("text", "more", "told"),
    [
        ("echo x > %2e%2e", 'outputFiles: ["**"]', "must not contain '.', '..'"),
        ("true", 'outputFiles: ["regex:(("]', "the pattern `regex:((`"),
        ("true", 'inputFiles: {"../x": y}', "'../x' must be a relative path without '..'"),
        ("true", 'inputFiles: {"/tmp/x": y}', "'/tmp/x' must be a relative path without '..'"),
        ("true", 'inputFiles: {"a\\0b": y}', "must be a relative path"),
        ("true", f"inputFiles: {{{'x' * 300}: y}}", "cannot be created in the working directory: File name too long"),
        ("true", 'inputFiles: {"a": x, "a/b": y}', "'a/b' cannot be created in the working directory"),
        ("true", "inputFiles: [1]", "inputFiles must be a map of names to contents"),
        ("true", "inputFiles: {a: kestra:///other/flow/executions/x/tasks/y/z/f}", "belongs neither to this execution"),
        ("true", "inputFiles: {a: kestra:///tests/bad/_files/nothing}", "there is no file at kestra:///tests/bad/_files/nothing"),
        ("cat kestra:///other/flow/executions/x/tasks/y/z/f", "", "belongs neither to this execution"),
        ("cat kestra:///tests/bad/../../x", "", "must not contain '.', '..'"),
    ],
)
def test_a_script_is_told_which_file_is_wrong(bench: Bench, text: str, more: str, told: str) -> None:
    story = bench.end(bench.task(script(text, more)))
    assert (story.state, len(story.errors)) == ("FAILED", 1)
    assert story.errors[0].startswith("bad: ")
    assert told in story.errors[0]


@pytest.mark.parametrize("pattern", ["regex:(a|aa)+c", "**a**a**a**a**a**a**a**a**b"])
def test_a_pattern_that_explodes_costs_its_own_task_at_most(bench: Bench, pattern: str) -> None:
    text = "open('a' * 200, 'w').write('x')"
    story = bench.end(bench.task(script(text, f"outputFiles: ['{pattern}']", PYTHON)))
    assert story.state == "SUCCESS" or "takes more than 1 s" in story.errors[0]


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("kestra:///tests/bad/../x", "must not contain '.', '..'"),
        ("kestra:///tests/bad/%2e%2e/x", "must not contain '.', '..'"),
        ("kestra:///tests//x", "has an empty name between two '/'"),
        ("kestra://host/x", "is not of the form kestra:///path"),
        ("kestra:///other/_files/x", "belongs neither to this execution, nor to its parent, nor to the namespace tests.bad"),
        ("kestra:///other/_kv/password.ion", "belongs neither to this execution"),
        ("kestra:///tests/bad/", "belongs neither to this execution"),
        ("../../../etc/passwd", "must not contain '..'"),
        ("/etc/passwd", "there is no file '/etc/passwd' in namespace 'tests.bad'"),
        ("file:///etc/passwd", "there is no file 'file:///etc/passwd' in namespace 'tests.bad'"),
        ("kestra:///tests/bad/_files/nothing", "there is no file at kestra:///tests/bad/_files/nothing"),
    ],
)
def test_an_address_that_may_not_be_read_is_named(bench: Bench, uri: str, told: str) -> None:
    story = bench.end(bench.task(f"type: io.kestra.plugin.core.debug.Return\nformat: \"{{{{ read('{uri}') }}}}\""))
    assert (story.state, len(story.errors)) == ("FAILED", 1)
    assert told in story.errors[0]


@pytest.mark.parametrize("uri", ["kestra:///", "kestra:///other/x", "kestra:///tests/", "kestra:///tests/bad/../../x"])
def test_nothing_outside_is_deleted(bench: Bench, uri: str) -> None:
    bench.engine.backend.storage.put("main", "kestra:///other/x", b"kept")
    story = bench.end(bench.task(f"type: io.kestra.plugin.core.storage.Delete\nuri: {uri}"))
    assert story.state == "FAILED"
    assert bench.engine.backend.storage.attributes("main", "kestra:///other/x") is not None
