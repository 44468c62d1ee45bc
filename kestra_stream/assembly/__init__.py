"""Assembly: settings in, a running engine out. `backend` is the only module that names concrete backends."""

from kestra_stream.assembly.backend import Backend, clock_of, memory_backend, open_backend, open_storage
from kestra_stream.assembly.door import door_of
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.assembly.server import Component, Server
from kestra_stream.assembly.standalone import Standalone

__all__ = [
    "Backend",
    "Component",
    "Equipment",
    "Server",
    "Standalone",
    "clock_of",
    "door_of",
    "memory_backend",
    "open_backend",
    "open_storage",
]
