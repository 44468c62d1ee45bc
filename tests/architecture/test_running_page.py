"""The page about running flows names every exit code."""

import re

from kestra_stream.cli import exit_codes
from tests.architecture.source_tree import ROOT

PAGE = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")


def test_every_exit_code_stands_on_the_page() -> None:
    codes = sorted(value for name, value in vars(exit_codes).items() if name.isupper())
    assert [int(code) for code in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)] == codes
