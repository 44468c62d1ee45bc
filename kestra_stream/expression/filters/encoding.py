"""Filters that encode, decode, hash and escape texts."""

from base64 import b64decode, b64encode
from hashlib import md5, sha1, sha256, sha512
from urllib.parse import quote_plus, unquote_plus

from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.printing import is_list, is_map, text_of

_ESCAPES = {"single": ("'", "\\'"), "double": ('"', '\\"'), "shell": ("'", "'\\''")}
_MAX_DEPTH = 100


def base64_encode(value: object, frame: Frame) -> str:
    """Encode a text in base64."""
    return frame.text(b64encode(value if isinstance(value, bytes) else text_of(value, frame).encode()).decode("ascii"))


def base64_decode(value: object, frame: Frame) -> str:
    """Decode base64 to a text."""
    return b64decode(text_of(value, frame), validate=True).decode(errors="replace")


def url_encode(value: object, frame: Frame) -> str:
    """Encode a text for the query of a URL, as Java's URLEncoder does."""
    text = text_of(value, frame)
    frame.charge(len(text) >> 2)
    return frame.text(quote_plus(text, safe="*").replace("~", "%7E"))


def url_decode(value: object, frame: Frame) -> str:
    """Decode a text from the query of a URL."""
    text = text_of(value, frame)
    frame.charge(len(text) >> 2)
    return unquote_plus(text)


def md5_hex(value: object, frame: Frame) -> str:
    """Hash a text with MD5, in hexadecimal digits."""
    return md5(text_of(value, frame).encode(), usedforsecurity=False).hexdigest()


def sha1_hex(value: object, frame: Frame) -> str:
    """Hash a text with SHA-1, in hexadecimal digits."""
    return sha1(text_of(value, frame).encode(), usedforsecurity=False).hexdigest()


def sha256_hex(value: object, frame: Frame) -> str:
    """Hash a text with SHA-256, in hexadecimal digits."""
    return sha256(text_of(value, frame).encode()).hexdigest()


def sha512_hex(value: object, frame: Frame) -> str:
    """Hash a text with SHA-512, in hexadecimal digits."""
    return sha512(text_of(value, frame).encode()).hexdigest()


def escape_char(value: object, frame: Frame, kind: object) -> object:
    """Escape single or double quotes, or quotes for a shell, in a text or in all texts of a structure."""
    if not isinstance(kind, str) or kind.lower() not in _ESCAPES:
        raise ValueError("the type is 'single', 'double' or 'shell'")
    return _escaped(value, frame, *_ESCAPES[kind.lower()], 0)


def _escaped(value: object, frame: Frame, old: str, new: str, depth: int) -> object:
    if depth > _MAX_DEPTH:
        frame.exceeded(f"a value of more than {_MAX_DEPTH} levels")
    frame.work_on(value)
    frame.charge(2)
    if is_map(value):
        return {key: _escaped(item, frame, old, new, depth + 1) for key, item in value.items()}
    if is_list(value):
        return [_escaped(item, frame, old, new, depth + 1) for item in value]
    return frame.text(text_of(value, frame).replace(old, new))


FILTERS: dict[str, Native] = {
    "base64encode": native(base64_encode),
    "base64decode": native(base64_decode),
    "urlencode": native(url_encode),
    "urldecode": native(url_decode),
    "md5": native(md5_hex),
    "sha1": native(sha1_hex),
    "sha256": native(sha256_hex),
    "sha512": native(sha512_hex),
    "escapeChar": native(escape_char, "type"),
}
