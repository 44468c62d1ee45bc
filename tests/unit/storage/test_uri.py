"""Addresses: what they may say, and where things lie."""

import posixpath
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kestra_stream.errors import InvalidUri
from kestra_stream.storage import uri as u

EXECUTION = "kestra:///company/team/my-flow/executions/4xYz/"
# pieces that a hostile address is made of
HOSTILE = st.lists(
    st.sampled_from(
        ["..", ".", "/", "\\", "%2e", "%2E", "%252e", "%2f", "%5c", "%00", "\0", "%", "%c0%ae", "a", "..a", " ", "é", "\u2025", "\uff0e"]
    ),
    max_size=12,
).map("".join)
ANY_TEXT = st.text(max_size=60)


def decoded(text: str) -> str:
    while (once := unquote(text)) != text:
        text = once
    return text


@given(st.one_of(HOSTILE, ANY_TEXT))
def test_no_address_leads_out_of_its_root(text: str) -> None:
    """Neither as it stands, nor decoded however often, nor with a backslash taken for a slash."""
    try:
        path = u.parse(f"kestra:///{text}")
    except InvalidUri:
        return
    for meaning in ("/".join(path.names), decoded("/".join(path.names)), decoded("/".join(path.names)).replace("\\", "/")):
        assert posixpath.normpath(f"/top/{meaning}").startswith("/top")
        assert posixpath.normpath(f"/top/{meaning}/").count("/") == len(path.names) + 1
        assert "\0" not in meaning


@given(st.one_of(HOSTILE, ANY_TEXT), st.one_of(HOSTILE, ANY_TEXT))
def test_nothing_joined_or_built_leaves_its_folder(first: str, second: str) -> None:
    makers = (
        partial(u.join, EXECUTION, first),
        partial(u.build, "company", first, second),
        partial(u.namespace_file, "company", first),
    )
    for made in makers:
        try:
            address = made()
        except InvalidUri:
            continue
        assert u.parse(address).uri == address
        assert u.is_under(address, "kestra:///company/")
    with suppress(InvalidUri):
        assert u.is_under(u.join(EXECUTION, first), EXECUTION)


@given(st.text(max_size=80))
def test_a_slug_is_one_plain_name_and_stays_as_it_is(text: str) -> None:
    slug = u.slug(text)
    assert u.slug(slug) == slug
    assert "/" not in slug
    if slug:
        u.build(slug)


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("My Flow", "my-flow"),
        ("my_flow__x", "my-flow-x"),
        ("Crème brûlée", "creme-brulee"),
        ("a.b:c/d", "abcd"),
        ("a - b", "a-b"),
        ("x" * 256, "x" * 255),
        ("1-2_each", "1-2-each"),
    ],
)
def test_a_slug_has_no_space_accent_or_sign(text: str, slug: str) -> None:
    assert u.slug(text) == slug


@pytest.mark.parametrize(
    ("address", "names", "is_folder"),
    [
        ("kestra:///", (), True),
        ("kestra:///a", ("a",), False),
        ("kestra:///a/", ("a",), True),
        ("kestra:///a/.env", ("a", ".env"), False),
        ("kestra:///a/..b/c..", ("a", "..b", "c.."), False),
        ("kestra:///a/100%/50 %.txt", ("a", "100%", "50 %.txt"), False),
        ("kestra:///a/%20b?c#d", ("a", "%20b?c#d"), False),
        ("kestra:///a/Übung ☂.csv", ("a", "Übung ☂.csv"), False),
    ],
)
def test_a_path_means_what_it_says(address: str, names: tuple[str, ...], *, is_folder: bool) -> None:
    path = u.parse(address)
    assert (path.names, path.is_folder, path.uri) == (names, is_folder, address)
    assert path.is_root == (not names)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("s3://bucket/a", "form"),
        ("kestra://a/b", "form"),
        ("kestra:/a", "form"),
        ("kestra:///a//b", "empty"),
        ("kestra:////", "empty"),
        ("kestra:///a/../b", r"'\.\.'"),
        ("kestra:///a/%2e%2e", "encoding"),
        ("kestra:///a/\x07", "control"),
        ("kestra:///a/%1f", "control"),
        ("kestra:///a/%ff", "UTF-8"),
        ("kestra:///a/\udc80", "UTF-8"),
        ("kestra:///a/.kestra-x", "kept"),
        ("kestra:///a/.KESTRA-x", "kept"),
        (f"kestra:///{'ä' * 128}", "255"),
        (f"kestra:///{'/'.join(['x' * 99] * 11)}", "1000"),
        (f"kestra:///{'/'.join('x' * 129)}", "deep"),
    ],
)
def test_a_refused_address_is_told_why(address: str, reason: str) -> None:
    with pytest.raises(InvalidUri, match=reason):
        u.parse(address)


def test_the_longest_names_and_paths_are_fine() -> None:
    assert u.parse(f"kestra:///{'x' * 255}").names == ("x" * 255,)
    assert len(u.parse(f"kestra:///{'/'.join('x' * 128)}").names) == 128


@pytest.mark.parametrize("relative", ["", "/etc/passwd", "a/", "../b", "a/../../b", "a\\b", "a//b"])
def test_a_relative_path_must_be_one(relative: str) -> None:
    with pytest.raises(InvalidUri):
        u.join(EXECUTION, relative)


def test_a_relative_path_is_joined_below_its_folder() -> None:
    assert u.join(EXECUTION, "a/b.csv") == u.join(EXECUTION.rstrip("/"), "a/b.csv") == f"{EXECUTION}a/b.csv"


@pytest.mark.parametrize(
    ("address", "folder", "is_below"),
    [
        ("kestra:///a/b/c", "kestra:///a/b/", True),
        ("kestra:///a/b/c", "kestra:///a/b", True),
        ("kestra:///a/b", "kestra:///a/b/", True),
        ("kestra:///a/bc", "kestra:///a/b", False),
        ("kestra:///a", "kestra:///a/b", False),
        ("kestra:///a", "kestra:///", True),
    ],
)
def test_below_means_step_by_step(address: str, folder: str, *, is_below: bool) -> None:
    assert u.is_under(address, folder) is is_below


@pytest.mark.parametrize("pair", [("kestra:///a/../b", "kestra:///a"), ("kestra:///a", "/a")])
def test_what_is_no_address_is_below_nothing(pair: tuple[str, str]) -> None:
    with pytest.raises(InvalidUri):
        u.is_under(*pair)


def test_everything_has_its_place() -> None:
    execution = u.execution_folder("company.team", "My_Flow", "4xYz")
    assert execution == EXECUTION
    assert u.flow_folder("company.team", "My_Flow") == "kestra:///company/team/my-flow/"
    assert u.task_run_folder(execution, "1-2_each", "9aB") == f"{EXECUTION}tasks/1-2-each/9aB/"
    assert u.input_file(execution, "a.file", "in put.csv") == f"{EXECUTION}inputs/a.file/in put.csv"
    assert u.trigger_folder(execution, "Every_Day") == f"{EXECUTION}trigger/every-day/"
    assert u.namespace_folder("company.team") == "kestra:///company/team/"
    assert (
        u.namespace_file("company.team", "/dir/a.py")
        == u.namespace_file("company.team", "dir/a.py")
        == "kestra:///company/team/_files/dir/a.py"
    )
    assert u.key_value_file("company", "a.b") == "kestra:///company/_kv/a.b.ion"
    assert u.message_file("log", "m1") == "kestra:///_messages/log/m1"


def test_states_and_caches_are_kept_apart_for_each_value() -> None:
    assert u.state_folder("company", "flow", "default") == "kestra:///company/flow/states/default/"
    assert u.state_folder("company", None, "default") == "kestra:///company/states/default/"
    assert u.cache_folder("company", "flow", "my_task") == "kestra:///company/flow/my-task/cache/"
    folders = {u.cache_folder("company", "flow", "t", value) for value in ("a", "b", "../..", "a/b")}
    assert len(folders) == 4
    assert all(u.is_under(folder, "kestra:///company/flow/t/cache/") and u.parse(folder).is_folder for folder in folders)


@pytest.mark.parametrize(
    "make",
    [
        lambda: u.namespace_folder("company..team"),
        lambda: u.namespace_folder(""),
        lambda: u.flow_folder("company", "___."[3:]),
        lambda: u.execution_folder("company", "flow", "../other"),
        lambda: u.execution_folder("company", "flow", ""),
        lambda: u.task_run_folder(EXECUTION, "...", "id"),
        lambda: u.input_file(EXECUTION, "file", "../../x"),
        lambda: u.input_file(EXECUTION, "..", "x"),
        lambda: u.key_value_file("company", "../x"),
        lambda: u.message_file("log", "a/b"),
    ],
)
def test_an_id_is_one_name(make: Callable[[], str]) -> None:
    with pytest.raises(InvalidUri):
        make()


def test_a_long_address_is_shortened_in_the_message() -> None:
    with pytest.raises(InvalidUri) as caught:
        u.parse("x" * 10_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("tenant", ["main", "a-b_c.d", "9"])
def test_a_tenant_is_a_plain_name(tenant: str) -> None:
    assert u.check_tenant(tenant) == tenant
