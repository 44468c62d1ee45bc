"""Page: Markdown in, a page laid out in the terminal out."""

from rich.console import Console
from rich.markdown import Markdown

_WIDEST = 120


def print_page(text: str) -> None:
    """Print a Markdown text."""
    console = Console(highlight=False, emoji=False)
    console.print(Markdown(text, code_theme="ansi_dark"), width=min(console.width, _WIDEST))
