"""Derived ids: the same parent and parts give the same id, so a replay changes nothing."""

from hashlib import blake2b

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)
ID_LENGTH = 22


def base62(number: int) -> str:
    """Write a number below 62**22 as 22 characters of 0-9, A-Z, a-z."""
    pairs = []
    for _ in range(ID_LENGTH // 2):
        number, rest = divmod(number, 3844)
        pairs.append(_PAIRS[rest])
    pairs.reverse()
    return "".join(pairs)


def derived_id(*parts: str) -> str:
    """Return the 22-character id that these parts, in this order, always give; parts may hold any character."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return base62(int.from_bytes(blake2b(joined.encode(), digest_size=16).digest()))
