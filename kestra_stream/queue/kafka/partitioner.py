"""Where a key lives: the partitioner that Kafka's own clients use by default (murmur2), so that anybody's producer agrees with ours."""

from functools import lru_cache

_SEED = 0x9747B28C
_M = 0x5BD1E995
_WORD = 0xFFFFFFFF
_POSITIVE = 0x7FFFFFFF


@lru_cache(maxsize=200_000)
def partition_of(key: bytes, count: int) -> int:
    """Return the partition of a key in a topic with so many partitions."""
    return 0 if count == 1 else (murmur2(key) & _POSITIVE) % count


def murmur2(data: bytes) -> int:
    """Return the 32-bit hash of Austin Appleby's MurmurHash2 with the seed that Kafka uses."""
    length = len(data)
    h = (_SEED ^ length) & _WORD
    whole = length & ~3
    for place in range(0, whole, 4):
        k = (int.from_bytes(data[place : place + 4], "little") * _M) & _WORD
        k = ((k ^ (k >> 24)) * _M) & _WORD
        h = ((h * _M) & _WORD) ^ k
    if length > whole:
        h = ((h ^ int.from_bytes(data[whole:], "little")) * _M) & _WORD
    h = ((h ^ (h >> 13)) * _M) & _WORD
    return h ^ (h >> 15)
