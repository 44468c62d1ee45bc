"""A client of the library that ends when it is let go of, whoever refers to it still.

What the library raises while another error is handled keeps that one for ever, with all that its frames refer to (confluent-kafka 2.16: its
errors pass for exceptions, without releasing what exceptions have). A client among that would keep its threads and connections for ever.
"""

from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException


class Held:
    """A client, with all that it can do."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def let_go(self) -> None:
        """End it, without a word to anybody."""
        self._client = None


def refused(request: Callable[[], object]) -> KafkaError | None:
    """Make a request, and return its error instead of raising it: whoever looks into that may ask the library again."""
    try:
        request()
    except KafkaException as error:
        return error.args[0]  # type: ignore[no-any-return]  # the library has no types here
    return None
