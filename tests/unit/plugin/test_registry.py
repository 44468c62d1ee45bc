"""Plugins are found by their entry points; each mistake of an author is named, and costs only the flows that name the type."""

import importlib.metadata
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from kestra_stream.assembly.backend import open_storage
from kestra_stream.errors import Invalid, NotFound
from kestra_stream.plugin.documentation import documentation
from kestra_stream.plugin.flow_source import parse_flows
from kestra_stream.plugin.registry import GROUP, STAND_INS, STORAGES, BrokenPlugin, Registry, default_registry, find_storage
from kestra_stream.plugin.schema import flow_schema
from kestra_stream.settings import LocalStorageSettings, StorageSettings
from kestra_stream.storage.local import LocalStorage

Module = Callable[[str, str], None]
HEAD = "from kestra_stream.plugin.api import RunnableTask, TaskOutput\n"
GOOD = (
    HEAD
    + "class Good(RunnableTask):\n    type_name = 'com.example.Good'\n    aliases = ('com.example.Older',)\n    def run(self, context): pass\n"
)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Module]:
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        made.append(name)

    yield write
    for name in made:
        sys.modules.pop(name, None)


def point(name: str, value: str, group: str = GROUP) -> EntryPoint:
    return EntryPoint(name, value, group)


def broken(name: str, *points: EntryPoint) -> str:
    with pytest.raises(BrokenPlugin) as caught:
        Registry(points).resolve(name)
    return str(caught.value)


def test_a_class_is_found_under_its_name_and_its_older_names(module: Module) -> None:
    module("plugin_good", GOOD)
    registry = Registry([point("com.example.Good", "plugin_good:Good"), point("com.example.Older", "plugin_good:Good")])
    assert registry.resolve("com.example.Good").is_alias is False
    assert (registry.resolve("com.example.Older").canonical, registry.resolve("com.example.Older").is_alias) == ("com.example.Good", True)


def test_an_unknown_type_is_met_with_the_nearest_one(module: Module) -> None:
    with pytest.raises(NotFound, match=r"did you mean com\.example\.Good\?"):
        Registry([point("com.example.Good", "x:Y")]).resolve("com.example.Goot")
    with pytest.raises(NotFound, match=r"did you mean com\.example\.Good\?"):
        Registry([point("com.example.Good", "x:Y")]).resolve("org.elsewhere.of.Good")
    with pytest.raises(NotFound, match="plugin list"):
        Registry([]).resolve("com.example.Good")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no_such_module:Good", "can not be loaded: ModuleNotFoundError"),
        ("plugin_wrong:NoSuch", "can not be loaded: AttributeError"),
        ("plugin_raises:Good", "can not be loaded: ValueError: at import"),
        ("plugin_exits:Good", "can not be loaded: SystemExit"),
        ("plugin_syntax:Good", "can not be loaded: SyntaxError"),
        ("plugin_field:Good", "can not be loaded: PydanticUserError: A non-annotated attribute"),
        ("plugin_wrong:NotAPlugin", "is no plugin class: derive it from RunnableTask"),
        ("plugin_wrong:VALUE", "is no plugin class"),
        ("plugin_wrong:NoRun", "has no run()"),
        ("plugin_wrong:OtherName", "whose type_name is com.example.Other: make them the same"),
    ],
)
def test_a_mistake_of_an_author_is_named(module: Module, value: str, problem: str) -> None:
    module("plugin_raises", "raise ValueError('at import')")
    module("plugin_exits", "raise SystemExit(3)")
    module("plugin_syntax", "def :")
    module("plugin_field", HEAD + "class Good(RunnableTask):\n    text = 1\n")
    wrong = (
        "class NotAPlugin: pass\nVALUE = 1\nclass NoRun(RunnableTask): pass\n"
        "class OtherName(RunnableTask):\n    type_name = 'com.example.Other'\n    def run(self, context): pass\n"
    )
    module("plugin_wrong", HEAD + wrong)
    told = broken("com.example.Good", point("com.example.Good", value))
    assert problem in told
    assert "com.example.Good" in told
    assert value in told


def test_a_class_without_a_name_has_that_of_its_entry_point(module: Module) -> None:
    module("plugin_nameless", HEAD + "class Nameless(RunnableTask):\n    text: str = 'x'\n    def run(self, context): pass\n")
    registry = Registry([point("com.example.Nameless", "plugin_nameless:Nameless")])
    assert registry.resolve("com.example.Nameless").canonical == "com.example.Nameless"
    assert documentation(registry.resolve("com.example.Nameless")).startswith("# com.example.Nameless")
    assert flow_schema(registry)["definitions"]["Task"]["properties"]["type"]["enum"] == ["com.example.Nameless"]


def test_two_plugins_of_one_type_are_told_apart_by_nobody(module: Module) -> None:
    told = broken("com.example.Good", point("com.example.Good", "plugin_a:Good"), point("com.example.Good", "plugin_b:Good"))
    assert "given twice, by plugin_a:Good and by plugin_b:Good: uninstall one of them" in told


def test_the_same_entry_point_twice_is_one(module: Module) -> None:
    module("plugin_good", GOOD)
    assert Registry([point("com.example.Good", "plugin_good:Good")] * 2).resolve("com.example.Good").canonical == "com.example.Good"


def test_a_broken_plugin_costs_the_flow_that_names_it(module: Module) -> None:
    registry = Registry([point("com.example.Good", "no_such_module:Good"), *default_points()])
    flow = "id: f\nnamespace: a.b\ntasks:\n  - id: t\n    type: {}\n    message: x\n"
    (bad,) = parse_flows(flow.format("com.example.Good"), registry=registry)
    assert ["the plugin com.example.Good" in str(fault) for fault in bad.faults] == [True]
    (good,) = parse_flows(flow.format("io.kestra.plugin.core.log.Log"), registry=registry)
    assert good.faults == ()
    assert "com.example.Good" not in flow_schema(registry)["definitions"]


def default_points() -> list[EntryPoint]:
    return [point("io.kestra.plugin.core.log.Log", "kestra_stream.plugin.core.log.log:Log")]


def test_a_stand_in_gives_way_to_the_plugin(module: Module) -> None:
    module("plugin_good", GOOD)
    module("plugin_stand_in", GOOD)
    stand_in = point("com.example.Good", "plugin_stand_in:Good", STAND_INS)
    assert Registry([], [stand_in]).resolve("com.example.Good").cls.__module__ == "plugin_stand_in"
    assert Registry([point("com.example.Good", "plugin_good:Good")], [stand_in]).resolve("com.example.Good").cls.__module__ == "plugin_good"
    assert default_registry().resolve("io.kestra.plugin.scripts.runner.docker.DockerTaskRunner").is_alias


def test_what_is_installed_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = default_registry().names()
    looks = []
    distributions = importlib.metadata.distributions

    def look() -> Iterable[importlib.metadata.Distribution]:
        looks.append(1)
        return distributions()

    monkeypatch.setattr(importlib.metadata, "distributions", look)
    assert default_registry.__wrapped__().names() == names
    assert looks == [1]


# -- storages ----------------------------------------------------------------------------------------------------------


def test_a_storage_is_found_by_its_entry_point(module: Module, tmp_path: Path) -> None:
    module("storage_good", "from kestra_stream.storage.local import LocalStorage\ndef opened(folder): return LocalStorage(folder)\n")
    opener = find_storage("folder", [point("folder", "storage_good:opened", STORAGES)])
    storage = opener(folder=tmp_path / "files")
    assert storage.put("main", "kestra:///a/b.txt", b"x") == "kestra:///a/b.txt"


def test_a_storage_that_is_not_there_is_met_with_those_that_are(module: Module) -> None:
    with pytest.raises(NotFound, match="no storage `bucket`; there are folder, local, minio, s3"):
        find_storage("bucket", [point("folder", "x:y", STORAGES)])
    with pytest.raises(BrokenPlugin, match="can not be loaded"):
        find_storage("folder", [point("folder", "no_such_module:y", STORAGES)])
    module("storage_wrong", "VALUE = 1\n")
    with pytest.raises(BrokenPlugin, match="neither a class nor a function"):
        find_storage("folder", [point("folder", "storage_wrong:VALUE", STORAGES)])


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("nowhere", {}, r"kestra\.storage\.type: there is no storage `nowhere`"),
        ("folder", {"b": 1}, r"kestra\.storage\.options: .* take them: .*'b'"),
    ],
)
def test_a_storage_of_a_plugin_that_cannot_be_opened_names_its_setting(
    kind: str, options: dict[str, object], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kestra_stream.plugin.registry.entry_points", lambda group: [point("folder", "pathlib:PurePath.joinpath", group)])
    with pytest.raises(Invalid, match=said):
        open_storage(StorageSettings(type=kind, options=options))


def test_settings_choose_the_storage(tmp_path: Path) -> None:
    assert isinstance(open_storage(StorageSettings(local=LocalStorageSettings(base_path=tmp_path))), LocalStorage)
    with pytest.raises(Invalid, match="no storage `bucket`"):
        open_storage(StorageSettings(type="bucket", options={"name": "x"}))
