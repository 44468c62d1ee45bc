"""The repository of a family that has none: whoever asks it is told why.

Files of namespaces need none: the storage has them, and nothing but their versions is noted elsewhere.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from kestra_stream.errors import Invalid
from kestra_stream.repository.interface import KeyValues, NamespaceFile, Repository

_NAMES = {
    "flows": "flows",
    "executions": "executions",
    "logs": "log lines",
    "metrics": "metrics",
}


def absent_repository(reason: str, key_values: KeyValues) -> Repository:
    """Return a repository whose every query, but for key values, fails with Invalid; `reason` says why there is none."""
    flows, executions, logs, metrics = (_absent(_Absent(name, reason)) for name in _NAMES)
    return Repository(flows, executions, logs, metrics, key_values, _NamespaceFilesOfStorage(reason))


def _absent(absent: object) -> Any:
    """Return something of any type: it fails whatever it is asked."""
    return absent


class _Absent:
    """One repository that is not there."""

    def __init__(self, name: str, reason: str) -> None:
        self._name = name
        self._reason = reason

    def __getattr__(self, verb: str) -> Callable[..., NoReturn]:
        def refuse(*_: object, **__: object) -> NoReturn:
            raise Invalid(f"{_NAMES[self._name]} cannot be looked up ({self._name}.{verb}): {self._reason}")

        return refuse


class _NamespaceFilesOfStorage:
    """Files of namespaces are noted nowhere; the storage has them."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def put(self, file: NamespaceFile) -> NamespaceFile:
        """Note nothing."""
        return file

    def get(self, tenant: str, namespace: str, path: str) -> NoReturn:
        """Refuse."""
        del tenant, namespace
        raise Invalid(f"the version of `{path}` cannot be looked up: {self._reason}")

    def list(self, tenant: str, namespace: str, prefix: str = "/") -> NoReturn:
        """Refuse."""
        del tenant, prefix
        raise Invalid(f"versions of files of namespace `{namespace}` cannot be listed: {self._reason}")

    def delete(self, tenant: str, namespace: str, path: str) -> bool:
        """Know nothing."""
        del tenant, namespace, path
        return False
