"""The Kafka family of the queue."""

from kestra_stream.queue.kafka.connection import Connection
from kestra_stream.queue.kafka.log import KafkaLog
from kestra_stream.queue.kafka.sender import unheard
from kestra_stream.queue.kafka.work_queue import KafkaWorkQueue

__all__ = ["Connection", "KafkaLog", "KafkaWorkQueue", "unheard"]
