"""Functions that make ids and random numbers from the environment's source of bytes."""

from uuid import UUID

from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 22
_NANO_ALPHABET = "useandom-26T198340PX75pxJACKVERYMINDBUSHWOLF_GQZbfghjklqvwyzrict"
_MAX_NANO_LENGTH = 1000
_FIRST_PORT = 1024
_PORTS = 65536 - _FIRST_PORT


def uuid(frame: Frame) -> str:
    """Make a random UUID."""
    return str(UUID(bytes=frame.environment.random.random_bytes(16), version=4))


def id_(frame: Frame) -> str:
    """Make an id of 22 letters and digits."""
    number = int.from_bytes(frame.environment.random.random_bytes(16), "big")
    digits: list[str] = []
    for _ in range(_ID_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)


def nano_id(frame: Frame, length: int = 21, alphabet: str = _NANO_ALPHABET) -> str:
    """Make an id of so many characters of an alphabet."""
    if not 1 <= length <= _MAX_NANO_LENGTH:
        raise ValueError(f"the length is between 1 and {_MAX_NANO_LENGTH}")
    if not alphabet:
        raise ValueError("the alphabet is empty")
    frame.charge(length)
    drawn = frame.environment.random.random_bytes(2 * length)
    return "".join(alphabet[int.from_bytes(drawn[at : at + 2], "big") % len(alphabet)] for at in range(0, 2 * length, 2))


def random_int(frame: Frame, lower: int, upper: int) -> int:
    """Draw an int, `lower` included, `upper` not."""
    if type(lower) is not int or type(upper) is not int or lower >= upper:
        raise ValueError("needs two ints, the lower one first")
    return lower + int.from_bytes(frame.environment.random.random_bytes(16), "big") % (upper - lower)


def random_port(frame: Frame) -> int:
    """Draw a port from 1024 on; nothing tries whether it is free."""
    return _FIRST_PORT + int.from_bytes(frame.environment.random.random_bytes(8), "big") % _PORTS


FUNCTIONS: dict[str, Native] = {
    "uuid": native(uuid),
    "id": native(id_),
    "nanoId": native(nano_id, "length", "alphabet"),
    "randomInt": native(random_int, "lower", "upper"),
    "randomPort": native(random_port),
}
