"""Keys live where Kafka's own clients put them."""

import pytest

from kestra_stream.queue.kafka.partitioner import partition_of

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
@pytest.mark.parametrize("count", [1, 7, 16, 1_000])
def test_a_key_lives_in_the_partition_of_its_positive_hash(key: bytes, count: int) -> None:
    assert partition_of(key, count) == (PUBLISHED[key] % 2**31) % count


def test_no_key_is_as_good_as_another() -> None:
    assert partition_of(b"", 7) == 275646681 % 7
