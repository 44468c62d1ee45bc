"""YAML between texts and values.

Parsing goes over the parser's events, so neither depth nor aliases can blow up. Only `true`, `false`, `null`, ints and decimals
are more than text: a date or a `yes` stays as it was written.
"""

import re
from typing import Any

from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.printing import is_list, is_map, text_of

_MAX_DEPTH = 100
_INT = re.compile(r"[-+]?[0-9]{1,19}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_OTHER_NUMBER = re.compile(r"[-+]?(0x[0-9a-fA-F_]+|0b[01_]+|0o?[0-7_]+|[0-9][0-9_]*(:[0-5]?[0-9])*)")
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"})
_PLAIN = re.compile(r"[^\s\-?:,\[\]{}#&*!|>'\"%@`=](?:[^:#\n]+|:(?=\S)|(?<=\S)#)*")
_PLACEHOLDER: object = object()


def from_yaml(frame: Frame, text: object) -> object:
    """Parse YAML text; null for null."""
    if text is None:
        return None
    import yaml  # noqa: PLC0415 - loaded where it is used: importing the language must be quick

    source = text_of(text, frame)
    frame.charge(len(source))
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    builder = _Builder(frame)
    try:
        for event in yaml.parse(source, Loader=loader):
            builder.take(event)
    except yaml.YAMLError as error:
        raise ValueError(f"the YAML does not parse: {error}") from None
    return builder.result


class _Builder:
    """Builds a value from the events of a YAML parser, with a stack of its own."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.result: object = None
        self.open: list[tuple[list[object] | dict[object, object], str | None]] = []
        self.keys: list[object] = []
        self.anchors: dict[str, object] = {}
        self.documents = 0

    def take(self, event: Any) -> None:
        match type(event).__name__:
            case "ScalarEvent":
                value = _scalar(event)
                self._anchor(event.anchor, value)
                self._put(value)
            case "AliasEvent":
                if event.anchor not in self.anchors:
                    raise ValueError(f"the YAML alias `*{event.anchor}` stands before its anchor is complete")
                self._put(self.anchors[event.anchor])
            case "MappingStartEvent":
                self._open({}, event.anchor)
            case "SequenceStartEvent":
                self._open([], event.anchor)
            case "MappingEndEvent" | "SequenceEndEvent":
                value, anchor = self.open.pop()
                self.keys.pop()
                self._anchor(anchor, value)
                self._put(value)
            case "DocumentStartEvent":
                self.documents += 1
            case _:
                pass

    def _anchor(self, anchor: str | None, value: object) -> None:
        if anchor is not None:
            self.anchors[anchor] = value

    def _open(self, value: list[object] | dict[object, object], anchor: str | None) -> None:
        if len(self.open) >= _MAX_DEPTH:
            self.frame.exceeded(f"YAML of more than {_MAX_DEPTH} levels")
        self.open.append((value, anchor))
        self.keys.append(_PLACEHOLDER)

    def _put(self, value: object) -> None:
        if not self.open:
            if self.documents <= 1:
                self.result = value
            return
        target = self.open[-1][0]
        if isinstance(target, list):
            target.append(value)
        elif self.keys[-1] is _PLACEHOLDER:
            if is_map(value) or is_list(value):
                raise ValueError("a list or map can not be the key of a map")
            self.keys[-1] = "" if value is None else text_of(value, self.frame)
        else:
            target[self.keys[-1]] = value
            self.keys[-1] = _PLACEHOLDER


def _scalar(event: Any) -> object:
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


# -- printing ----------------------------------------------------------------------------------------------------------


def to_yaml(value: object, frame: Frame) -> str:
    """Print a value as YAML blocks, quotes only where they are needed."""
    lines: list[str] = []
    _write(value, "", 0, lines, frame, 0)
    return frame.text("\n".join(lines) + "\n")


def _write(value: object, head: str, column: int, lines: list[str], frame: Frame, depth: int) -> None:
    """Write a value after `head` (a key or a dash); what does not fit on that line goes below it, at the column."""
    if depth > _MAX_DEPTH:
        frame.exceeded(f"a value of more than {_MAX_DEPTH} levels")
    frame.charge(12)
    if len(lines) > frame.environment.budget.items:
        frame.check_items(len(lines))
    if is_map(value) and value:
        if head:
            lines.append(head)
        for key, item in value.items():
            if item is not None:
                inner = column if is_list(item) else column + 2
                _write(item, f"{' ' * column}{_plain(text_of(key, frame))}:", inner, lines, frame, depth + 1)
    elif is_list(value) and value:
        if head:
            lines.append(head)
        for item in value:
            _write(item, " " * (column + 1) + "-", column + 2, lines, frame, depth + 1)
    else:
        text = _scalar_text(value, frame, column)
        lines.append(f"{head} {text}" if head else text)


def _scalar_text(value: object, frame: Frame, column: int) -> str:
    if is_map(value):
        return "{}"
    if is_list(value):
        return "[]"
    if value is None:
        return "null"
    text = text_of(value, frame)
    is_text = isinstance(value, str)
    frame.write(0)
    frame.charge(len(text) >> 4)
    if not is_text:
        return text
    return _block(text, column) if "\n" in text else _plain(text)


def _block(text: str, column: int) -> str:
    """Print a text of several lines as a literal block; the sign after `|` says how it ends."""
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    sign = "-" if ends == 0 else "" if ends == 1 else "+"
    hint = "2" if text[0] in " \n" else ""
    margin = " " * max(column, 2)
    lines = [margin + line if line else "" for line in body.split("\n")] + [""] * max(ends - 1, 0)
    return f"|{hint}{sign}\n" + "\n".join(lines)


def _plain(text: str) -> str:
    """Print a text of one line, in double quotes where it would else be read as something other."""
    is_safe = _PLAIN.fullmatch(text) is not None and text == text.strip() and text.isprintable() and not text.endswith(":")
    is_text = text.lower() not in _RESERVED and not _FLOAT.fullmatch(text) and not _OTHER_NUMBER.fullmatch(text)
    if is_safe and is_text:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\r", "\\r").replace("\n", "\\n")
    return '"' + "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in escaped) + '"'


FILTERS: dict[str, Native] = {"yaml": native(to_yaml, null=True)}
