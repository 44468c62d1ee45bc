"""What a transaction writes beside the offsets that it commits: whose it is, and which one.

GROUP-UUID#NUMBER    by a transaction; GROUP-UUID alone by a member that takes a partition; nothing by one that has let it go
"""

from uuid import uuid4


def new_name(group: str) -> str:
    """Return a name for the transactions of a member of a group; `group` is its name on the broker."""
    return f"{group}-{uuid4().hex}"


def mark(name: str, number: int) -> str:
    """Return the mark of a member's transaction; no name has a `#`, as no topic has."""
    return f"{name}#{number}"


def name_of(written: str) -> str:
    """Return the name of the transactions of the member that has written this beside an offset."""
    return written.partition("#")[0]


def number_of(written: str | None, name: str) -> int:
    """Return which of a member's transactions has written this; 0 for none of them."""
    holder, _, number = (written or "").partition("#")
    return int(number) if holder == name and number.isdecimal() else 0
