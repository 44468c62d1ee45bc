"""Derived ids: the same parent and parts give the same id, so a replay changes nothing."""

from hashlib import blake2b

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
ID_LENGTH = 22


def base62(number: int) -> str:
    """Write a number below 62**22 as 22 characters of 0-9, A-Z, a-z."""
    pairs = []
    for _ in range(ID_LENGTH // 2):
        number, rest = divmod(number, 3844)
        pairs.append(_PAIRS[rest])
    pairs.reverse()
    return "".join(pairs)


def from_base62(text: str) -> int | None:
    """Return the number that 22 characters stand for; None for any other text."""
    if len(text) != ID_LENGTH or any(digit not in _VALUES for digit in text):
        return None
    number = 0
    for digit in text:
        number = number * 62 + _VALUES[digit]
    return number


def derived_id(*parts: str) -> str:
    """Return the 22-character id that these parts, in this order, always give; parts may hold any character."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return base62(int.from_bytes(blake2b(joined.encode(), digest_size=16).digest()))
