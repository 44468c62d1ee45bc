"""Filters on texts."""

import re
from unicodedata import normalize

from kestra_stream.expression.filters import regexes
from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.operators import kind_of
from kestra_stream.expression.printing import is_map, java_text, text_of

_WORD = re.compile(r"\S+")
_ELLIPSIS = "..."
_LEAST_ABBREVIATED = 4


def abbreviate(value: object, frame: Frame, length: int) -> str:
    """Shorten a text to so many characters, the last three of them dots."""
    text = text_of(value, frame)
    if length < 0:
        raise ValueError("the length may not be negative")
    if len(text) <= length:
        return text
    return text[:length] if length < _LEAST_ABBREVIATED else text[: length - len(_ELLIPSIS)] + _ELLIPSIS


def capitalize(value: object, frame: Frame) -> str:
    """Make the first character a capital."""
    text = text_of(value, frame)
    return text[:1].upper() + text[1:]


def lower(value: object, frame: Frame) -> str:
    """Make all characters small."""
    return text_of(value, frame).lower()


def upper(value: object, frame: Frame) -> str:
    """Make all characters capitals."""
    return text_of(value, frame).upper()


def title(value: object, frame: Frame) -> str:
    """Make the first character of each word a capital."""
    text = text_of(value, frame)
    frame.charge(len(text) >> 2)
    return _WORD.sub(lambda word: word.group()[0].upper() + word.group()[1:], text)


def trim(value: object, frame: Frame) -> str:
    """Take white space away at both ends."""
    return text_of(value, frame).strip()


def nl2br(value: object, frame: Frame) -> str:
    """Turn line ends into `<br />`."""
    return frame.text(text_of(value, frame).replace("\r\n", "\n").replace("\n", "<br />"))


def string(value: object, frame: Frame) -> str:
    """Turn a value into text, as Java's toString() does."""
    return java_text(value, frame)


def replace(value: object, frame: Frame, pairs: object, regexp: object = False) -> str:  # noqa: FBT002 - the template's own default
    """Replace each key of a map by its value, one after the other; with `regexp` the keys are regular expressions."""
    if not is_map(pairs):
        raise TypeError(f"needs a map of replacements, not a {kind_of(pairs)}")
    text = text_of(value, frame)
    for old, new in pairs.items():
        pattern, replacement = text_of(old, frame), text_of(new, frame)
        if regexp is True:
            text = regexes.replace_all(pattern, text, replacement, frame)
            continue
        frame.work_on(text)
        frame.check_characters(len(text) + text.count(pattern) * (len(replacement) - len(pattern)))
        text = text.replace(pattern, replacement)
    return text


def split(value: object, frame: Frame, delimiter: str, limit: int = 0) -> list[str]:
    """Split a text at a regular expression, into `limit` parts at most."""
    return regexes.split(delimiter, text_of(value, frame), limit, frame)


def slugify(value: object, frame: Frame) -> str:
    """Turn a text into small letters, digits and single dashes."""
    text = text_of(value, frame)
    frame.charge(len(text) >> 2)
    text = normalize("NFD", re.sub(r"\s+", "-", text))
    text = re.sub(r"[^\w-]", "", text, flags=re.ASCII).replace("_", "-")
    return re.sub(r"-+", "-", text).strip("-").lower()


def substring_before(value: object, frame: Frame, separator: str) -> str:
    """Give what stands before the first separator; the whole text when there is none."""
    return text_of(value, frame).partition(separator)[0] if separator else ""


def substring_before_last(value: object, frame: Frame, separator: str) -> str:
    """Give what stands before the last separator; the whole text when there is none."""
    text = text_of(value, frame)
    return text.rpartition(separator)[0] if separator and separator in text else text


def substring_after(value: object, frame: Frame, separator: str) -> str:
    """Give what stands after the first separator; nothing when there is none."""
    text = text_of(value, frame)
    return text.partition(separator)[2] if separator else text


def substring_after_last(value: object, frame: Frame, separator: str) -> str:
    """Give what stands after the last separator; nothing when there is none."""
    text = text_of(value, frame)
    return text.rpartition(separator)[2] if separator and separator in text else ""


def indent(value: object, frame: Frame, amount: int, prefix: str = " ") -> str:
    """Put so many prefixes before each line but the first."""
    text = text_of(value, frame)
    if amount < 0:
        raise ValueError("the amount may not be negative")
    frame.check_characters(len(text) + text.count("\n") * amount * len(prefix))
    frame.check_characters(amount * len(prefix))
    return text.replace("\n", "\n" + prefix * amount)


def nindent(value: object, frame: Frame, amount: int, prefix: str = " ") -> str:
    """Begin a new line, and put so many prefixes before each line."""
    return indent("\n" + text_of(value, frame), frame, amount, prefix)


def starts_with(value: object, frame: Frame, part: object) -> bool:
    """Tell whether a text begins with another."""
    return text_of(value, frame).startswith(text_of(part, frame))


def ends_with(value: object, frame: Frame, part: object) -> bool:
    """Tell whether a text ends with another."""
    return text_of(value, frame).endswith(text_of(part, frame))


def regex_match(value: object, frame: Frame, pattern: str) -> bool:
    """Tell whether a regular expression matches anywhere in a text; never in null."""
    return value is not None and regexes.search(pattern, text_of(value, frame), frame) is not None


def regex_replace(value: object, frame: Frame, pattern: str, replacement: str) -> str:
    """Replace every match of a regular expression."""
    return regexes.replace_all(pattern, text_of(value, frame), replacement, frame)


def regex_extract(value: object, frame: Frame, pattern: str, group: int = 0) -> str | None:
    """Give the first match of a regular expression, or one of its groups; null when there is none."""
    found = regexes.search(pattern, text_of(value, frame), frame)
    return None if found is None else found.group(group)


FILTERS: dict[str, Native] = {
    "abbreviate": native(abbreviate, "length"),
    "capitalize": native(capitalize),
    "lower": native(lower),
    "upper": native(upper),
    "title": native(title),
    "trim": native(trim),
    "nl2br": native(nl2br),
    "string": native(string),
    "replace": native(replace, "replace_pairs", "regexp"),
    "split": native(split, "delimiter", "limit"),
    "slugify": native(slugify),
    "substringBefore": native(substring_before, "separator"),
    "substringBeforeLast": native(substring_before_last, "separator"),
    "substringAfter": native(substring_after, "separator"),
    "substringAfterLast": native(substring_after_last, "separator"),
    "indent": native(indent, "amount", "prefix"),
    "nindent": native(nindent, "amount", "prefix"),
    "startsWith": native(starts_with, "value"),
    "endsWith": native(ends_with, "value"),
    "regexMatch": native(regex_match, "regex", null=True),
    "regexReplace": native(regex_replace, "regex", "replacement"),
    "regexExtract": native(regex_extract, "regex", "group"),
}
