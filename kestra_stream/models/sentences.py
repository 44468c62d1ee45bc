"""What to say about a value that does not fit: an error of pydantic in, a sentence with the remedy out."""

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

_SHOWN = 80
_NAME_PATTERN = re.compile(r"\^\[([^\]]+)\]\[([^\]]+)\]\*\$")
_QUOTED = re.compile(r"'([^']*)'")
_KINDS: Mapping[str, str] = {
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a map",
    "mapping_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "dataclass_type": "a map",
    "not_a_map": "a map with a `type`",
    "string_type": "text",
    "string_sub_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of less than 4300 digits",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number that is finite",
    "decimal_parsing": "a number",
    "decimal_type": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "date_type": "a date such as 2030-01-31",
    "date_parsing": "a date such as 2030-01-31",
    "date_from_datetime_parsing": "a date such as 2030-01-31",
    "date_from_datetime_inexact": "a date such as 2030-01-31",
    "datetime_type": "a moment such as 2030-01-31T12:00:00Z",
    "datetime_parsing": "a moment such as 2030-01-31T12:00:00Z",
    "datetime_from_date_parsing": "a moment such as 2030-01-31T12:00:00Z",
    "datetime_object_invalid": "a moment such as 2030-01-31T12:00:00Z",
    "timezone_aware": "a moment with a zone, such as 2030-01-31T12:00:00Z",
    "time_type": "a time such as 11:27:49",
    "time_parsing": "a time such as 11:27:49",
}
Describe = Callable[[Mapping[str, Any], Any], str]


def sentence(error: Mapping[str, Any]) -> str:
    """Say what is wrong with the value of one entry of `ValidationError.errors()`, and what would be right."""
    kind, context, value = error["type"], error.get("ctx", {}), error.get("input")
    wanted = _KINDS.get(kind)
    if wanted is not None:
        return f"must be {wanted}, but is {shown(value)}{_hint(kind, value)}"
    describe = _DESCRIBED.get(kind)
    if describe is not None:
        return describe(context, value)
    text = str(error["msg"])
    return text.removeprefix("Value error, ") if kind == "value_error" else text[:1].lower() + text[1:]


def shown(value: object) -> str:
    """Write a value for a message: its kind when it is a structure, the value itself otherwise, cut when it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value) if not isinstance(value, int) or value.bit_length() < _SHOWN * 4 else hex(value)
    text = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    return f"`{text}`"


def suggestion(name: str, known: Sequence[str], *, most: int = 2, likeness: float = 0.6) -> str:
    """Return `; did you mean ...?` with the nearest known names, nothing when none is near."""
    by_lower = {one.lower(): one for one in known}
    near = [by_lower[one] for one in get_close_matches(name[:_SHOWN].lower(), list(by_lower), most, likeness)]
    return f"; did you mean `{'` or `'.join(near)}`?" if near else ""


def one_of(value: object, known: Sequence[str]) -> str:
    """Say that a value is none of a list, with the nearest one or else all."""
    near = suggestion(str(value), known) if isinstance(value, str) else ""
    return f"must be one of {', '.join(known)}, but is {shown(value)}{near}"


def joined(sentences: Sequence[str]) -> str:
    """Put sentences about one value together: `must be text or a list, but is ...`."""
    different = list(dict.fromkeys(sentences))
    parts = [one.removeprefix("must be ").rpartition(", but is ") for one in different]
    if len(different) > 1 and all(one.startswith("must be ") and middle for one, (_, middle, _) in zip(different, parts, strict=True)):
        return f"must be {' or '.join(dict.fromkeys(wanted for wanted, _, _ in parts))}, but is {parts[0][2]}"
    return different[0] if len(different) == 1 else "; or ".join(different)


def _hint(kind: str, value: object) -> str:
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "; put it in quotes"
    if kind in {"tuple_type", "list_type"} and isinstance(value, str | int | float):
        return "; write `- ` before each entry"
    return ""


def _pattern(context: Mapping[str, object], value: object) -> str:
    pattern = str(context.get("pattern", ""))
    match = _NAME_PATTERN.fullmatch(pattern)
    if match is None:
        return f"must match the pattern `{pattern}`, but is {shown(value)}"
    if value == "":
        return "must not be empty"
    first, rest = match.groups()
    start = _characters(first, "or").replace("letters or", "letter or").replace("or digits", "or digit")
    return f"{shown(value)} may hold only {_characters(rest, 'and')}, and must begin with a {start}"


def _characters(group: str, join: str) -> str:
    words = []
    for text, word in (("a-zA-Z", "letters"), ("a-z", "lower-case letters"), ("0-9", "digits")):
        if text in group:
            words.append(word)
            group = group.replace(text, "")
    words += [f"`{character}`" for character in group if character != "\\"]
    return f"{', '.join(words[:-1])} {join} {words[-1]}" if len(words) > 1 else words[0]


def _expected(context: Mapping[str, object], value: object) -> str:
    return one_of(value, _QUOTED.findall(str(context.get("expected", context.get("expected_tags", "")))))


def _at_least(context: Mapping[str, object], _: object) -> str:
    least = context.get("min_length", 1)
    return "must not be empty" if least == 1 else f"must have at least {least} entries"


_DESCRIBED: Mapping[str, Describe] = {
    "string_pattern_mismatch": _pattern,
    "enum": _expected,
    "literal_error": _expected,
    "union_tag_invalid": lambda context, value: one_of(
        value.get(_tag(context)) if isinstance(value, Mapping) else value, _QUOTED.findall(str(context.get("expected_tags", "")))
    ),
    "union_tag_not_found": lambda context, _: f"`{_tag(context)}` is required",
    "too_short": _at_least,
    "string_too_short": lambda context, value: _at_least(context, value).replace("entries", "characters"),
    "string_too_long": lambda context, value: f"must have at most {context.get('max_length')} characters, but has {len(value)}",
    "too_long": lambda context, _: f"must have at most {context.get('max_length')} entries",
    "greater_than": lambda context, value: f"must be more than {context.get('gt')}, but is {shown(value)}",
    "greater_than_equal": lambda context, value: f"must be at least {context.get('ge')}, but is {shown(value)}",
    "less_than": lambda context, value: f"must be less than {context.get('lt')}, but is {shown(value)}",
    "less_than_equal": lambda context, value: f"must be at most {context.get('le')}, but is {shown(value)}",
}


def _tag(context: Mapping[str, object]) -> str:
    return str(context.get("discriminator", "type")).strip("'")
