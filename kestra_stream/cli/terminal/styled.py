"""Styled lines: log lines, the tree and outputs in, pieces of text with their styles out; a terminal colours them, others join them."""

import re
from collections.abc import Iterator, Mapping, Sequence

from kestra_stream.cli.follow.follower import Follower
from kestra_stream.cli.terminal.picture import Node, execution_name, guided, progress, run_name
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import S, StateType

Piece = tuple[str, str]
"""A text and its style, in rich's words; empty for none."""
StyledLine = Sequence[Piece]

STATE_STYLES: Mapping[StateType, str] = {
    S.SUCCESS: "green",
    S.RUNNING: "blue",
    S.WARNING: "yellow",
    S.FAILED: "bold red",
    S.KILLED: "magenta",
    S.KILLING: "magenta",
    S.CANCELLED: "magenta",
    S.PAUSED: "bold cyan",
    S.RETRYING: "yellow",
    S.SKIPPED: "dim",
    S.CREATED: "dim",
}
_LEVEL_STYLES: Mapping[Level, str] = {Level.TRACE: "dim", Level.DEBUG: "dim", Level.INFO: "", Level.WARN: "yellow", Level.ERROR: "red"}
_WIDEST_NAME = 60
# Colours, cursor movement and the like that a program printed; then every other control character but tab and new line.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Return a text that moves no cursor and rings no bell."""
    return _CONTROLS.sub("·", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def log_line(follower: Follower, main_id: str, entry: LogEntry, longest: int | None = None) -> StyledLine:
    """Return a log line: time, level, who says it, and what."""
    message = clean(entry.message)
    if longest is not None and len(message) > longest:
        message = f"{message[:longest]}… ({len(message)} characters)"
    style = _LEVEL_STYLES[entry.level]
    return (
        (f"{entry.timestamp.astimezone():%H:%M:%S.%f}"[:-3] + " ", "dim"),
        (f"{entry.level.value:<5} ", style or "green"),
        (f"{_speaker(follower, main_id, entry)}: ", "bold"),
        (message, style),
    )


def _speaker(follower: Follower, main_id: str, entry: LogEntry) -> str:
    """Name who wrote a line: the task with its loop value and attempt, after the subflow that it belongs to."""
    known = follower.executions.get(entry.execution_id)
    run = known.runs.get(entry.task_run_id) if known is not None and entry.task_run_id is not None else None
    name = clean(run_name(run)) if run is not None else entry.task_id or ""
    if entry.attempt_number:
        name = f"{name} (attempt {entry.attempt_number + 1})"
    if entry.execution_id == main_id or known is None:
        return name or entry.flow_id
    flow = execution_name(known)
    return f"{flow} > {name}" if name else flow


def tree_lines(root: Node) -> Iterator[StyledLine]:
    """Yield the lines of a tree in columns: name, state, time, progress and notes."""
    rows = list(guided(root))
    wide = min(max(len(guide) + len(node.name) for guide, node in rows), _WIDEST_NAME) + 2
    for guide, node in rows:
        room = max(wide - len(guide), 0)
        if node.state is None:
            yield ((guide, "dim"), (clean(node.name), "" if node.children else "dim"))
            continue
        name = clean(node.name)
        tail = "  ".join(part for part in (progress(node), clean(node.note)) if part)
        yield (
            (guide, "dim"),
            (f"{name:<{room}}", "bold" if node is root else ""),
            (f"{node.state.value:<9}", STATE_STYLES.get(node.state, "")),
            (f"{node.time:>8}", "dim"),
            (f"  {tail}" if tail else "", "red" if node.state is S.FAILED else "dim"),
        )


def joined(line: StyledLine) -> str:
    """Return a line without its styles."""
    return "".join(text for text, _ in line).rstrip()


_ASCII = str.maketrans({"├": "|", "│": "|", "└": "`", "─": "-", "━": "#", "╌": "-", "→": "->", "…": "...", "·": "."})


def fitting(text: str, encoding: str | None) -> str:
    """Return a text with plain signs for those of ours that an encoding does not know."""
    return text if (encoding or "").lower().replace("-", "") == "utf8" else text.translate(_ASCII)
