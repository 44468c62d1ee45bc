"""Whether the client library takes the properties of the settings: asked before anything is done with them."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from kestra_stream.errors import Invalid
from kestra_stream.queue.kafka.connection import Connection

_CLIENT, _DEFAULTS = "kestra.kafka.client.properties", "kestra.kafka.defaults"
# Nobody is spoken to, and nothing is said, whatever `debug` asks for: the clients are only made.
_MUTE: Mapping[str, Any] = {"bootstrap.servers": "127.0.0.1:0", "log_level": 0}
_FAILED = re.compile(r"^Failed to create (consumer|producer|admin client): ")


def check_properties(connection: Connection) -> None:
    """Make a client of each kind.

    Raises:
        Invalid: the library refuses some; the message names the setting that they stand in, and never a value.
    """
    faults = dict.fromkeys(_faults(connection))
    if faults:
        raise Invalid("\n".join(faults))


def _faults(connection: Connection) -> Iterator[str]:
    """Say what is wrong with the properties of all clients, then with those of one kind."""
    for_all = replace(connection, consumer_properties={}, producer_properties={})
    common = [f"{_CLIENT}: {fault}" for fault in (*_of_consumer(for_all), *_of_producers(for_all), *_fault(AdminClient, for_all.admin()))]
    yield from common
    if not common:
        yield from (f"{_DEFAULTS}.consumer.properties: {fault}" for fault in _of_consumer(connection))
        yield from (f"{_DEFAULTS}.producer.properties: {fault}" for fault in _of_producers(connection))


def _of_consumer(connection: Connection) -> Iterator[str]:
    yield from _fault(Consumer, connection.consumer("check"))


def _of_producers(connection: Connection) -> Iterator[str]:
    yield from _fault(Producer, connection.producer())
    yield from _fault(Producer, connection.transactional("check"))


def _mute() -> logging.Logger:
    logger = logging.getLogger("kestra_stream.kafka.check")
    logger.setLevel(logging.CRITICAL)
    return logger


def _fault(kind: Any, properties: Mapping[str, Any]) -> Iterator[str]:
    try:
        client = kind({**properties, **_MUTE}, logger=_mute())
    except (KafkaException, ValueError, TypeError) as error:
        first = error.args[0] if error.args else error
        yield _FAILED.sub("", first.str() if isinstance(first, KafkaError) else str(first))
    else:
        if kind is Consumer:
            client.close()
