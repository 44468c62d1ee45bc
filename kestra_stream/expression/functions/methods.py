"""The methods that templates may call on values, as Java has them: none of them can change or reach anything."""

from kestra_stream.expression.filters import regexes
from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.operators import contains, equal, kind_of
from kestra_stream.expression.paths import MISSING, attribute
from kestra_stream.expression.printing import is_collection, is_map, java_text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"is a method of a text, not of a {kind_of(value)}")
    return value


def _index(text: str, index: object) -> int:
    if type(index) is not int or not 0 <= index <= len(text):
        raise ValueError(f"the index {index} is outside 0 to {len(text)}")
    return index


def to_upper_case(value: object) -> str:
    """Make all characters capitals."""
    return _text(value).upper()


def to_lower_case(value: object) -> str:
    """Make all characters small."""
    return _text(value).lower()


def trim(value: object) -> str:
    """Take white space away at both ends."""
    return _text(value).strip()


def length(value: object) -> int:
    """Count the characters of a text."""
    return len(_text(value))


def size(value: object) -> int:
    """Count the items of a list or map."""
    if not is_collection(value):
        raise TypeError(f"is a method of a list or map, not of a {kind_of(value)}")
    return len(value)


def is_empty(value: object) -> bool:
    """Tell whether a text, list or map has nothing in it."""
    if not isinstance(value, str) and not is_collection(value):
        raise TypeError(f"is a method of a text, list or map, not of a {kind_of(value)}")
    return len(value) == 0


def is_blank(value: object) -> bool:
    """Tell whether a text has nothing but white space in it."""
    return not _text(value).strip()


def substring(value: object, start: int, end: int | None = None) -> str:
    """Cut a text from one index to before another."""
    text = _text(value)
    first, stop = _index(text, start), _index(text, len(text) if end is None else end)
    if first > stop:
        raise ValueError(f"can not cut from {first} to {stop}")
    return text[first:stop]


def char_at(value: object, index: int) -> str:
    """Give one character."""
    text = _text(value)
    return text[_index(text, index)]


def index_of(value: object, part: object) -> int:
    """Find the first place of a text in another; -1 when there is none."""
    return _text(value).find(_text(part))


def last_index_of(value: object, part: object) -> int:
    """Find the last place of a text in another; -1 when there is none."""
    return _text(value).rfind(_text(part))


def starts_with(value: object, part: object) -> bool:
    """Tell whether a text begins with another."""
    return _text(value).startswith(_text(part))


def ends_with(value: object, part: object) -> bool:
    """Tell whether a text ends with another."""
    return _text(value).endswith(_text(part))


def contains_(value: object, frame: Frame, part: object) -> bool:
    """Tell whether a text has a part, or a list an item."""
    return contains(value, part, frame)


def replace(value: object, frame: Frame, old: object, new: object) -> str:
    """Replace every place of a text by another."""
    text, part, put = _text(value), _text(old), _text(new)
    frame.check_characters(len(text) + text.count(part) * (len(put) - len(part)))
    return text.replace(part, put)


def replace_all(value: object, frame: Frame, pattern: object, new: object) -> str:
    """Replace every match of a regular expression."""
    return regexes.replace_all(_text(pattern), _text(value), _text(new), frame)


def split(value: object, frame: Frame, pattern: object, limit: int = 0) -> list[str]:
    """Split a text at a regular expression."""
    return regexes.split(_text(pattern), _text(value), limit, frame)


def matches(value: object, frame: Frame, pattern: object) -> bool:
    """Tell whether a regular expression matches a whole text."""
    return regexes.search(rf"\A(?:{_text(pattern)})\Z", _text(value), frame) is not None


def concat(value: object, frame: Frame, other: object) -> str:
    """Join two texts."""
    return frame.text(_text(value) + _text(other))


def repeat(value: object, frame: Frame, count: int) -> str:
    """Repeat a text."""
    text = _text(value)
    if type(count) is not int or count < 0:
        raise ValueError("the count is an int from 0 on")
    frame.check_characters(len(text) * count)
    return text * count


def equals(value: object, frame: Frame, other: object) -> bool:
    """Tell whether two values are equal."""
    return equal(value, other, frame)


def equals_ignore_case(value: object, other: object) -> bool:
    """Tell whether two texts are equal but for capitals."""
    return isinstance(other, str) and _text(value).casefold() == other.casefold()


def to_string(value: object, frame: Frame) -> str:
    """Turn a value into text as Java does."""
    return java_text(value, frame)


def get(value: object, key: object) -> object:
    """Give a map's entry (null when there is none) or a list's item."""
    found = attribute(value, key)
    if found is not MISSING:
        return found
    if is_map(value):
        return None
    raise LookupError(f"the index {key} is outside")


def get_or_default(value: object, key: object, otherwise: object) -> object:
    """Give a map's entry, or another value when there is none."""
    found = attribute(value, key)
    return otherwise if found is MISSING else found


def contains_key(value: object, key: object) -> bool:
    """Tell whether a map has a key."""
    return is_map(value) and attribute(value, key) is not MISSING


def key_set(value: object) -> list[object]:
    """List the keys of a map."""
    if not is_map(value):
        raise TypeError(f"is a method of a map, not of a {kind_of(value)}")
    return list(value)


def values(value: object) -> list[object]:
    """List the values of a map."""
    if not is_map(value):
        raise TypeError(f"is a method of a map, not of a {kind_of(value)}")
    return list(value.values())


METHODS: dict[str, Native] = {
    "toUpperCase": native(to_upper_case),
    "toLowerCase": native(to_lower_case),
    "trim": native(trim),
    "strip": native(trim),
    "length": native(length),
    "size": native(size),
    "isEmpty": native(is_empty),
    "isBlank": native(is_blank),
    "substring": native(substring, "start", "end"),
    "charAt": native(char_at, "index"),
    "indexOf": native(index_of, "part"),
    "lastIndexOf": native(last_index_of, "part"),
    "startsWith": native(starts_with, "part"),
    "endsWith": native(ends_with, "part"),
    "contains": native(contains_, "part"),
    "replace": native(replace, "old", "new"),
    "replaceAll": native(replace_all, "regex", "new"),
    "split": native(split, "regex", "limit"),
    "matches": native(matches, "regex"),
    "concat": native(concat, "other"),
    "repeat": native(repeat, "count"),
    "equals": native(equals, "other"),
    "equalsIgnoreCase": native(equals_ignore_case, "other"),
    "toString": native(to_string),
    "get": native(get, "key"),
    "getOrDefault": native(get_or_default, "key", "default"),
    "containsKey": native(contains_key, "key"),
    "keySet": native(key_set),
    "values": native(values),
}
