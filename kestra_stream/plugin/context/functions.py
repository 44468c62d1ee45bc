"""The functions of the flow language that need IO: kv(), secret(), read(), file questions, encryption, errorLogs(), http()."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import orjson

from kestra_stream.errors import ExpressionError, NotFound
from kestra_stream.models.records import Level
from kestra_stream.plugin.api import TaskInfo
from kestra_stream.plugin.context.encryption import decrypt_text, encrypt_text
from kestra_stream.plugin.context.files import AttemptFiles
from kestra_stream.plugin.context.key_value import NamespaceKeyValues
from kestra_stream.plugin.context.namespace_folder import NamespaceFilesFolder
from kestra_stream.plugin.context.services import Services
from kestra_stream.repository.query import Filter, Page, Sort
from kestra_stream.storage.uri import SCHEME

_MAX_READ = 64 * 1024 * 1024
_MAX_ERROR_LOGS = 1000


class IoFunctions:
    """Answers the calls of one attempt (or one lookup); `mask` is told every secret that is given out."""

    __slots__ = ("_files", "_info", "_mask", "_services", "_stopping")

    def __init__(
        self,
        info: TaskInfo,
        services: Services,
        files: AttemptFiles,
        mask: Callable[[str], None],
        stopping: Callable[[Callable[[], None]], AbstractContextManager[None]] = lambda _stop: nullcontext(),
    ) -> None:
        self._info = info
        self._services = services
        self._files = files
        self._mask = mask
        self._stopping = stopping

    def table(self) -> dict[str, Callable[..., Any]]:
        """Name of each function -> what answers it."""
        return {
            "secret": self.secret,
            "kv": self.kv,
            "read": self.read,
            "fileURI": self.file_uri,
            "fileSize": self.file_size,
            "fileExists": self.file_exists,
            "isFileEmpty": self.is_file_empty,
            "encrypt": self.encrypt,
            "decrypt": self.decrypt,
            "errorLogs": self.error_logs,
            "http": self.http,
            # asked by the executor, which reads no storage
            "$spilled": self.fetch_spilled,
        }

    def call(self, name: str, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Any:
        """Answer one call by name.

        Raises:
            ExpressionError: no such function, or arguments that it does not take.
        """
        function = self.table().get(name)
        if function is None:
            raise ExpressionError(f"there is no function {name}()")
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            raise ExpressionError(f"{name}(): {str(error).rpartition('() ')[2]}") from None

    def secret(self, key: str, namespace: str | None = None, subkey: str | None = None) -> str:
        """Return a secret, or with `subkey` one value of a secret that is a JSON object; it is masked in logs from now on."""
        text = self._services.secrets(namespace or self._info.namespace, str(key))
        self._mask(text)
        if subkey is None:
            return text
        try:
            value = orjson.loads(text)[subkey]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise NotFound(f"Cannot find secret sub-key '{subkey}' in secret '{key}'.") from None
        part = value if isinstance(value, str) else orjson.dumps(value).decode()
        self._mask(part)
        return part

    def kv(self, key: str, namespace: str | None = None, errorOnMissing: bool = False) -> Any:  # noqa: N803, FBT001, FBT002 - named by the flow language
        """Return a value of the KV store, null when it is missing."""
        stored = self._key_values(namespace).get(str(key))
        if stored is None and errorOnMissing:
            raise NotFound(f"The key '{key}' does not exist in the namespace '{namespace or self._info.namespace}'.")
        return None if stored is None else stored.value

    def read(self, path: str, namespace: str | None = None) -> str:
        """Return the text of a stored file (`kestra://`) or of a namespace file."""
        if self.file_size(path, namespace) > _MAX_READ:
            raise ExpressionError(f"read(): '{path}' is larger than {_MAX_READ >> 20} MiB; pass its URI to a task instead")
        with self._files.open(self._stored_uri(path, namespace)) as file:
            return file.read().decode("utf-8", errors="replace")

    def file_uri(self, path: str, namespace: str | None = None) -> str:
        """Return the storage URI of a namespace file."""
        uri = self._folder(namespace).uri(str(path))
        if uri is None:
            raise NotFound(f"there is no file '{path}' in namespace '{namespace or self._info.namespace}'")
        return uri

    def file_size(self, path: str, namespace: str | None = None) -> int:
        """Return the size of a file in bytes."""
        return self._files.size(self._stored_uri(path, namespace))

    def file_exists(self, path: str, namespace: str | None = None) -> bool:
        """Tell whether a file is there."""
        if _is_uri(path):
            return self._files.exists(str(path))
        return self._folder(namespace).uri(str(path)) is not None

    def is_file_empty(self, path: str, namespace: str | None = None) -> bool:
        """Tell whether a file has no content."""
        return self.file_size(path, namespace) == 0

    def encrypt(self, key: str, text: str) -> str:
        """Encrypt a text with a base64 key."""
        return encrypt_text(str(key), str(text))

    def decrypt(self, key: str, text: str) -> str:
        """Decrypt what `encrypt` gave; the text is masked in logs from now on."""
        plain = decrypt_text(str(key), str(text))
        self._mask(plain)
        return plain

    def http(self, uri: str, method: str = "GET", query: object = None, body: object = None, **more: Any) -> Any:
        """Return what a server answers: `contentType`, `headers`, `options` and `accept` are as for a Request task."""
        from kestra_stream.plugin.core.http.asked import Given, ask  # noqa: PLC0415 - loads httpx

        headers = {"Accept": more.pop("accept", "application/json"), **(more.pop("headers", None) or {})}
        arguments = {"uri": uri, "method": method, "params": query, "body": body, "headers": headers, **more}
        return ask(Given(self._files, self._stopping), arguments)

    def fetch_spilled(self, uri: str) -> Any:
        """Return a value that was too big for a message."""
        return self._services.fetch(self._info.tenant_id, {"$spilled": uri})

    def error_logs(self) -> list[dict[str, Any]]:
        """Return the ERROR lines of the execution so far, oldest first."""
        where = Filter().where("execution_id", self._info.execution_id).where("level", Level.ERROR)
        found = self._services.engine.repository.logs.search(where, Page(1, _MAX_ERROR_LOGS, (Sort("timestamp"),)))
        return [
            {
                "taskId": line.task_id,
                "taskRunId": line.task_run_id,
                "attemptNumber": line.attempt_number,
                "timestamp": line.timestamp.isoformat().replace("+00:00", "Z"),
                "level": line.level.value,
                "message": line.message,
            }
            for line in found.items
        ]

    def _stored_uri(self, path: str, namespace: str | None) -> str:
        return str(path) if _is_uri(path) else self.file_uri(path, namespace)

    def _key_values(self, namespace: str | None) -> NamespaceKeyValues:
        return NamespaceKeyValues(self._services.engine, self._info.tenant_id, namespace or self._info.namespace, self._services.now)

    def _folder(self, namespace: str | None) -> NamespaceFilesFolder:
        return NamespaceFilesFolder(self._services.engine, self._info.tenant_id, namespace or self._info.namespace, self._services.now)


def _is_uri(path: object) -> bool:
    return str(path).startswith(SCHEME)
