"""The page of operations explains every figure that a process shows, and none that it does not."""

import re

from kestra_stream.assembly.backend import open_backend
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.assembly.server import Component, Server
from kestra_stream.assembly.watch import Watch
from kestra_stream.runtime.clock import LogClock, SystemClock
from kestra_stream.runtime.observation.figures import FIGURES
from kestra_stream.settings import Settings
from tests.architecture.source_tree import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `kestra_([a-z_]+)` \| ([a-z, ]*) ?\| \S", PAGE, re.MULTILINE)


def shown() -> dict[str, set[str]]:
    """Return the figures of a process that has all components, after a step of each loop, with their labels."""
    settings, clock = Settings(), LogClock(SystemClock())
    server = Server(Component.STANDALONE, Equipment(settings, open_backend(settings, clock), clock))
    Watch(server)
    for loop in server.loops.values():
        with loop.pulse.batch(1), loop.pulse.transaction():
            pass
    text = server.equipment.metrics.text().decode()
    server.stop(0.0)
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^kestra_([a-z_]+)(?:\{(.*)\})? ", text, re.MULTILINE):
        plain = re.sub(r"_(bucket|sum|count)$", "", name)
        found.setdefault(plain, set()).update(label for label in re.findall(r'(\w+)="', labels) if label != "le")
    return found


def test_every_figure_is_explained_with_its_labels_and_no_other_one() -> None:
    assert {name: set(labels.replace(",", " ").split()) for name, labels in ROWS} == shown()


def test_every_figure_has_a_meaning_beside_it() -> None:
    assert {name.removesuffix("_total") for name, _ in ROWS} == set(FIGURES)
