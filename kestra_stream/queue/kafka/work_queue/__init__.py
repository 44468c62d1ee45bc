"""The work queue on Kafka: jobs of owned partitions, and those that are handed on to whoever has a free slot."""

from kestra_stream.queue.kafka.work_queue.queue import KafkaWorkQueue

__all__ = ["KafkaWorkQueue"]
