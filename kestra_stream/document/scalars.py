"""Scalars of a flow document: a YAML scalar in, text, number, true, false or nothing out.

Only `true` and `false` are booleans (`yes` and `on` stay text), and dates stay text.
"""

import re

import yaml

_TAG = "tag:yaml.org,2002:"
_WORDS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INT = re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+|0[0-7_]*|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9][0-9_]*|[0-9][0-9_]*\.[0-9_]*|[0-9][0-9_]*(?=[eE]))([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NUMBER_STARTS = frozenset("+-.0123456789")


def scalar(event: yaml.ScalarEvent) -> object:
    """Return the value of a scalar event; a tag as `!!str` says what it is, a tag that is not known says nothing."""
    text = str(event.value)
    if event.tag is not None and event.tag != "!":
        return _tagged(text, event.tag.removeprefix(_TAG))
    return plain(text) if event.implicit[0] else text


def plain(text: str) -> object:
    """Return the value of a text without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INT.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    if _SPECIAL.fullmatch(text):
        return float(text.lower().replace(".", ""))
    return text


def _tagged(text: str, tag: str) -> object:
    value = plain(text)
    match tag:
        case "str":
            return text
        case "null":
            return None
        case "float" if isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        case _:
            return value


def _integer(text: str) -> int | str:
    digits = text.replace("_", "").lower()
    unsigned = digits.lstrip("+-")
    try:
        if unsigned.startswith(("0x", "0b", "0o")):
            return int(digits, 0)
        return int(digits, 8 if unsigned.startswith("0") and unsigned != "0" else 10)
    except ValueError:
        return text
