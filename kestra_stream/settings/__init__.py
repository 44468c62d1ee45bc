"""Settings: nested, one class for each room, read once at the door (the CLI) and handed on."""

from kestra_stream.settings.consistency import is_debugged, without_effect
from kestra_stream.settings.kafka import KafkaSettings, KafkaTopics, TopicSettings
from kestra_stream.settings.loading import load_settings
from kestra_stream.settings.section import Section
from kestra_stream.settings.sections import (
    EncryptionSettings,
    EngineSettings,
    LivenessSettings,
    PluginDefault,
    PluginSettings,
    QueueSettings,
    RepositorySettings,
    RetrySettings,
    ServerSettings,
    Settings,
    StateSettings,
    VariableSettings,
    WorkerSettings,
)
from kestra_stream.settings.storage import BucketSettings, CleanupSettings, LocalStorageSettings, MinioSettings, S3Settings, StorageSettings

__all__ = [
    "BucketSettings",
    "CleanupSettings",
    "EncryptionSettings",
    "EngineSettings",
    "KafkaSettings",
    "KafkaTopics",
    "LivenessSettings",
    "LocalStorageSettings",
    "MinioSettings",
    "PluginDefault",
    "PluginSettings",
    "QueueSettings",
    "RepositorySettings",
    "RetrySettings",
    "S3Settings",
    "Section",
    "ServerSettings",
    "Settings",
    "StateSettings",
    "StorageSettings",
    "TopicSettings",
    "VariableSettings",
    "WorkerSettings",
    "is_debugged",
    "load_settings",
    "without_effect",
]
