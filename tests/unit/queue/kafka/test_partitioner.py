"""Keys live where Kafka's own clients put them."""

import pytest

from kestra_stream.queue.kafka.partitioner import murmur2, partition_of

# What the tests of Kafka's Java client expect (UtilsTest.testMurmur2), there as signed numbers.
PUBLISHED = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", PUBLISHED)
def test_the_hash_is_the_one_of_kafkas_clients(key: bytes) -> None:
    assert murmur2(key) == PUBLISHED[key] % 2**32


@pytest.mark.parametrize("key", [*PUBLISHED, b""])
def test_a_key_lives_in_the_partition_of_its_positive_hash(key: bytes) -> None:
    assert partition_of(key, 7) == (murmur2(key) % 2**31) % 7
    assert partition_of(key, 1) == 0
