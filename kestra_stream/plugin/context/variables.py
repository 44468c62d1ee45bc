"""The variables of an attempt: what the job carries, with secrets opened and spilled values fetched, plus what only the worker knows."""

from collections.abc import Callable, Mapping
from typing import Any

from kestra_stream.plugin.api import TaskInfo
from kestra_stream.plugin.context.encryption import ENCRYPTED_TYPE, is_encrypted
from kestra_stream.plugin.context.services import Services

_OPENED = ("inputs", "outputs", "trigger", "parent", "parents", "vars")


def complete(
    given: Mapping[str, Any],
    info: TaskInfo,
    task: Mapping[str, Any],
    taskrun: Mapping[str, object],
    services: Services,
    mask: Callable[[str], None],
) -> dict[str, Any]:
    """Return the root of the context for expressions.

    Raises:
        Invalid: an encrypted value cannot be opened.
    """
    variables = dict(given)
    for name in _OPENED:
        if name in variables and _is_big(variables[name]):
            fetched = services.fetch(info.tenant_id, variables[name])
            variables[name] = opened(fetched, services.cipher.decrypt, mask)
    variables["task"] = task
    variables["taskrun"] = {**variables.get("taskrun", {}), **taskrun}
    variables["envs"] = services.envs
    variables["globals"] = services.globals
    variables.setdefault("kestra", services.kestra)
    return variables


def opened(value: object, decrypt: Callable[[Mapping[str, object]], str], mask: Callable[[str], None]) -> Any:
    """Return a value with every encrypted value in it decrypted (and masked); parts without one are not copied."""
    if isinstance(value, Mapping):
        if value.get("type") == ENCRYPTED_TYPE and is_encrypted(value):
            text = decrypt(value)
            mask(text)
            return text
        changed = {key: new for key, item in value.items() if _is_big(item) and (new := opened(item, decrypt, mask)) is not item}
        return {**value, **changed} if changed else value
    if isinstance(value, list | tuple):
        items = [opened(item, decrypt, mask) if _is_big(item) else item for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _is_big(value: object) -> bool:
    return isinstance(value, dict | list | tuple | Mapping)
