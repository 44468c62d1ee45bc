"""The page about running flows names every setting with its default, and every exit code."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from kestra_stream.cli import exit_codes
from kestra_stream.settings import Section, Settings
from tests.architecture.source_tree import ROOT

PAGE = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")


def defaults(section: Section, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every setting by its dotted name, with its default as the page writes it."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        dotted = f"{prefix}{field.alias or name}"
        if isinstance(value, Section):
            yield from defaults(value, f"{dotted}.")
        else:
            yield dotted, written(value)


def written(value: Any) -> str:
    if value is None:
        return "none"
    return f"`{value.seconds} s`" if isinstance(value, timedelta) else f"`{value}`"


def test_every_setting_stands_on_the_page_with_its_default() -> None:
    rows = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (\S.*?) \| \S", PAGE, re.MULTILINE)
    assert rows == list(defaults(Settings()))


def test_every_exit_code_stands_on_the_page() -> None:
    codes = sorted(value for name, value in vars(exit_codes).items() if name.isupper())
    assert [int(code) for code in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)] == codes
