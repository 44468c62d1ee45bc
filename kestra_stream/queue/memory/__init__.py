"""The memory family of the queue: `MemoryLog` and `MemoryWorkQueue`."""

from kestra_stream.queue.memory.consumer import MemoryConsumer
from kestra_stream.queue.memory.log import MemoryLog
from kestra_stream.queue.memory.work_queue import MemoryWorkQueue

__all__ = ["MemoryConsumer", "MemoryLog", "MemoryWorkQueue"]
