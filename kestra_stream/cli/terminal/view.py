"""View: what a screen looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kestra_stream.cli.follow.follower import Follower
from kestra_stream.cli.terminal.picture import Node, family_tree

FINAL_LINES = 120


@dataclass(frozen=True, slots=True)
class View:
    """What a screen looks at: the family of one execution, or of the last that was created in its place."""

    follower: Follower
    execution_id: str
    now: Callable[[], datetime]

    @property
    def main_id(self) -> str:
        """The execution at the root of the tree."""
        return self.follower.last_of(self.execution_id)

    def tree(self, most_lines: int) -> Node | None:
        """Return the tree as it is now."""
        return family_tree(self.follower, self.main_id, self.now(), most_lines)
