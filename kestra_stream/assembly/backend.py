"""Backends: settings in, one open family out. The only module that names concrete backends."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kestra_stream.errors import Invalid, NotFound
from kestra_stream.plugin.context.stored_keys import StoredKeyValues
from kestra_stream.plugin.registry import find_storage
from kestra_stream.queue.interface import Log, WorkQueue
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.repository.absent import absent_repository
from kestra_stream.repository.interface import Repository
from kestra_stream.repository.memory import memory_repository
from kestra_stream.runtime.clock import Clock, LogClock, SystemClock
from kestra_stream.runtime.observation.seldom import tell_seldom
from kestra_stream.runtime.oversize import OversizeValues
from kestra_stream.settings import RetrySettings, Settings, StorageSettings
from kestra_stream.storage.interface import Storage
from kestra_stream.storage.local import LocalStorage
from kestra_stream.topics import TOPICS, job_topic


@dataclass(frozen=True, slots=True)
class Backend:
    """One family of backends, opened.

    Attributes:
        family: `memory` or `kafka`.
        work_queue: one taker's view of the jobs of a worker group.
        has_repository: whether the repository can be asked; otherwise every query of it says why not.
        answers: whether the log answers now.
        learn: looks up what a process will use of the log; raises Unavailable when it does not answer.
    """

    family: str
    log: Log
    repository: Repository
    storage: Storage
    work_queue: Callable[[str | None], WorkQueue]
    has_repository: bool = True
    answers: Callable[[], bool] = lambda: True
    learn: Callable[[], None] = lambda: None


def open_backend(settings: Settings, clock: Clock, storage: Storage | None = None) -> Backend:
    """Open the family that the settings name, with their storage unless another one is given.

    Raises:
        Invalid: a setting is wrong.
    """
    if settings.queue.type == "memory":
        return memory_backend(settings, clock, storage)
    return kafka_backend(settings, clock, storage)


def clock_of(settings: Settings) -> Clock:
    """Return the clock of a process: that of its log, where many processes share one."""
    return SystemClock() if settings.queue.type == "memory" else LogClock(SystemClock())


def memory_backend(settings: Settings, clock: Clock, storage: Storage | None = None) -> Backend:
    """Open the memory family."""
    log = MemoryLog(clock.now)
    repository = memory_repository(settings.repository.most_executions)
    return Backend("memory", log, repository, storage or open_storage(settings.storage, settings.retries), log.work_queue)


def kafka_backend(settings: Settings, clock: Clock, storage: Storage | None = None) -> Backend:
    """Open the Kafka family; its topics must be there."""
    from kestra_stream.assembly.topics import connection_of  # noqa: PLC0415 - as below
    from kestra_stream.queue.kafka import KafkaLog, KafkaWorkQueue, unheard  # noqa: PLC0415 - the client is loaded by who needs it

    tell_seldom("kestra_stream.kafka.client")
    storage = storage or open_storage(settings.storage, settings.retries)
    payloads = OversizeValues(storage, clock.now, settings.kafka.defaults.topic_prefix)
    log = KafkaLog(connection_of(settings), payloads, clock.heard if isinstance(clock, LogClock) else unheard)
    repository = absent_repository("the Kafka family has no repository yet", StoredKeyValues(storage))
    queue = partial(KafkaWorkQueue, log.cluster)
    learn = partial(log.cluster.learn, (*TOPICS, job_topic(settings.worker.group)))
    return Backend("kafka", log, repository, storage, queue, has_repository=False, answers=log.cluster.answers, learn=learn)


def open_storage(settings: StorageSettings, retries: RetrySettings | None = None) -> Storage:
    """Open the local storage, a bucket, or the storage of a plugin that has the name.

    Raises:
        Invalid: there is no storage of this type, or its settings are incomplete or wrong.
        Unavailable: its server does not answer.
    """
    match settings.type:
        case "local":
            return LocalStorage(settings.local.base_path)
        case "s3" | "minio":
            from kestra_stream.storage.s3 import open_minio, open_s3  # noqa: PLC0415 - the client is loaded by who needs it

            return open_s3(settings.s3, retries) if settings.type == "s3" else open_minio(settings.minio, retries)
        case _:
            return _storage_of_plugin(settings)


def _storage_of_plugin(settings: StorageSettings) -> Storage:
    try:
        return find_storage(settings.type)(**settings.options)
    except NotFound as error:
        raise Invalid(f"kestra.storage.type: {error}") from error
    except TypeError as error:  # names that it does not take; no value is in the message
        raise Invalid(f"kestra.storage.options: the storage `{settings.type}` does not take them: {error}") from error
