"""The clients of the library: what they are given, and what they say."""

from kestra_stream.queue.kafka.clients.checks import check_properties

__all__ = ["check_properties"]
