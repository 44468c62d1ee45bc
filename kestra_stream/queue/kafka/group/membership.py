"""What a member shows the broker when it commits: the group's metadata, as of a moment when its partitions were its own.

The client's bytes are `CGMDv2:`, the generation (or member epoch) in four bytes, then the names of group, member and instance.
"""

import sys

_MARK = b"CGMDv2:"
_NAMES = len(_MARK) + 4


def newer(held: bytes, offered: bytes) -> bytes:
    """Return the newer one of two, as long as it is the same member's: the number rises also when the member's partitions stay.

    One that has left has no number (-1 or 0), and no broker would check it: the last one that it had is shown on, and is refused.
    """
    if not (held.startswith(_MARK) and offered.startswith(_MARK)) or held[_NAMES:] != offered[_NAMES:]:
        return held
    return offered if _number(offered) > _number(held) else held


def _number(metadata: bytes) -> int:
    return int.from_bytes(metadata[len(_MARK) : _NAMES], sys.byteorder, signed=True)
