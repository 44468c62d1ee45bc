"""Addresses of internal storage: `kestra:///a/b.txt` <-> checked path, and where each kind of thing lies. Pure.

    /{namespace, dots as slashes}/{flow}/executions/{id}/tasks/{task}/{task run id}/...   files of a task run
                                        .../executions/{id}/inputs/{input}/...            files given as inputs
                                        .../executions/{id}/trigger/{trigger}/...         files of a trigger
                                 .../{flow}/states/{name}/[hash of a value]/...           states of a flow
                                 .../{flow}/{task}/cache/[hash of a value]/...            caches of a task
    /{namespace}/_files/...   /{namespace}/_kv/{key}.ion   /{namespace}/states/...        of a namespace
    /_messages/{topic}/...                                                                what is too big for a topic

A path means what it says: it is never percent-decoded. One that would lead elsewhere once somebody did decode it is refused.
The tenant is no part of an address; a member of storage puts it in front.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import quote, unquote

from kestra_stream.errors import InvalidUri

SCHEME = "kestra://"
RESERVED = ".kestra-"
"""Names that start so belong to the members of storage themselves."""
MAX_NAME = 255
MAX_PATH = 1000
MAX_DEPTH = 128
_SHOWN = 100
_OF_A_NAMESPACE = frozenset({"_files", "_kv"})
_CACHE_DEPTH = 3

_PLAIN = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254})+/?")
_UNSAFE = re.compile(r"[^-\w.~+#=/]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class StoragePath:
    """A checked path: its names from the root down, and whether it was written as a folder (with a `/` at its end)."""

    names: tuple[str, ...]
    is_folder: bool = False

    @property
    def uri(self) -> str:
        """The address; that of the root and of a folder ends with `/`."""
        text = "/".join(self.names)
        return f"{SCHEME}/{text}/" if self.is_folder and text else f"{SCHEME}/{text}"

    @property
    def is_root(self) -> bool:
        """Whether this is the top folder of the tenant."""
        return not self.names


def parse(uri: str) -> StoragePath:
    """Turn a `kestra:///` URI into a checked path.

    Raises:
        InvalidUri: another scheme, a host, or a path that is empty in places, too long or leads out of its folder.
    """
    if not uri.startswith("kestra:///"):
        raise InvalidUri(f"{_shown(uri)} is not of the form kestra:///path")
    path = uri[len(SCHEME) :]
    is_folder = path.endswith("/")
    if path == "/":
        return StoragePath((), is_folder=True)
    names = tuple(path[1:-1].split("/") if is_folder else path[1:].split("/"))
    if len(path) > MAX_PATH or len(names) > MAX_DEPTH or not _PLAIN.fullmatch(path):
        _check(names, uri)
    return StoragePath(names, is_folder)


def place_to_change(uri: str) -> StoragePath:
    """Read the URI of a file or folder that may be moved or deleted.

    Raises:
        InvalidUri: it is none, or names the root of a tenant.
    """
    path = parse(uri)
    if path.is_root:
        raise InvalidUri("the root of a tenant can be neither moved nor deleted")
    return path


def file_path(uri: str) -> StoragePath:
    """Read the URI of a file.

    Raises:
        InvalidUri: it is none, or names a folder.
    """
    path = parse(uri)
    if path.is_folder:
        raise InvalidUri(f"{uri} names a folder; the URI of a file does not end with '/'")
    return path


def build(*names: str, folder: bool = False) -> str:
    """Join names, each of them one level, into the URI of a file or a folder.

    Raises:
        InvalidUri: a name is empty, or is more than one level.
    """
    for name in names:
        if "/" in name:
            raise InvalidUri(f"{_shown(name)} must be one name, without '/'")
    _check(names, "/".join(names))
    return StoragePath(names, folder).uri


def join(folder: str, relative: str) -> str:
    """Return the URI of a file below a folder, from a relative path as a person writes it (`reports/june.csv`).

    Raises:
        InvalidUri: the path is absolute, empty or leads out of the folder.
    """
    if not relative or relative.startswith("/") or relative.endswith("/"):
        raise InvalidUri(f"{_shown(relative)} must be the relative path of a file")
    return parse(f"{folder.rstrip('/')}/{relative}").uri


def written(name: str) -> str:
    """Return the relative path under which a file of any name is stored: whatever could end an address in a text is percent-encoded."""
    return _UNSAFE.sub(lambda found: quote(found[0], safe=""), name)


def is_under(uri: str, folder: str) -> bool:
    """Tell whether an address is a folder's own or lies anywhere below it.

    Raises:
        InvalidUri: one of them is malformed.
    """
    above = parse(folder).names
    return parse(uri).names[: len(above)] == above


def check_tenant(tenant: str) -> str:
    """Return a tenant's name, checked to be one level.

    Raises:
        InvalidUri: it is not.
    """
    if "/" in tenant or not _PLAIN.fullmatch(f"/{tenant}"):
        raise InvalidUri(f"{_shown(tenant)} is no name of a tenant: letters, digits, '_', '-' and '.' only, not starting with '.'")
    return tenant


@lru_cache(maxsize=4096)
def slug(text: str) -> str:
    """Return the name of the folder for an id: white space and `_` become `-`, accents and signs go, lower case."""
    bare = unicodedata.normalize("NFD", re.sub(r"\s", "-", text))
    return re.sub(r"-+", "-", re.sub(r"[^\w-]", "", bare, flags=re.ASCII).replace("_", "-")).lower()[:MAX_NAME]


@lru_cache(maxsize=4096)
def namespace_folder(namespace: str) -> str:
    """`kestra:///company/team/` for `company.team`."""
    return build(*namespace.split("."), folder=True)


@lru_cache(maxsize=4096)
def flow_folder(namespace: str, flow_id: str) -> str:
    """The folder of a flow."""
    return build(*namespace.split("."), slug(flow_id), folder=True)


def execution_folder(namespace: str, flow_id: str, execution_id: str) -> str:
    """The folder of an execution; it goes when the execution is deleted."""
    return f"{flow_folder(namespace, flow_id)}executions/{_name(execution_id)}/"


def task_run_folder(execution: str, task_id: str, task_run_id: str) -> str:
    """The folder of a task run, inside the folder of its execution."""
    return f"{execution}tasks/{_name(slug(task_id))}/{_name(task_run_id)}/"


def input_file(execution: str, input_id: str, name: str) -> str:
    """The file given for an input, inside the folder of its execution."""
    return f"{execution}inputs/{_name(input_id)}/{_name(name)}"


def trigger_folder(execution: str, trigger_id: str) -> str:
    """The folder of what a trigger fetched, inside the folder of the execution that it started."""
    return f"{execution}trigger/{_name(slug(trigger_id))}/"


def namespace_file(namespace: str, path: str) -> str:
    """The file of a namespace; a leading `/` is taken off the path."""
    return join(f"{namespace_folder(namespace)}_files/", path.removeprefix("/"))


def key_value_file(namespace: str, key: str) -> str:
    """The value of a key of the KV store."""
    return f"{namespace_folder(namespace)}_kv/{_name(f'{key}.ion')}"


def state_folder(namespace: str, flow_id: str | None, name: str, value: str | None = None) -> str:
    """The folder of a state, of a flow or (None) of a whole namespace; kept apart for each value of a loop when one is given."""
    owner = namespace_folder(namespace) if flow_id is None else flow_folder(namespace, flow_id)
    return _apart(f"{owner}states/{_name(slug(name))}/", value)


def cache_folder(namespace: str, flow_id: str, task_id: str, value: str | None = None) -> str:
    """The folder of a task's cache; kept apart for each value of a loop when one is given."""
    return _apart(f"{flow_folder(namespace, flow_id)}{_name(slug(task_id))}/cache/", value)


def message_file(topic: str, message_id: str) -> str:
    """The body of a message that is too big for its topic."""
    return build("_messages", topic, message_id)


def owner_of(uri: str) -> str | None:
    """Return the namespace whose file an address names; None when it is of no kind that tasks read.

    Raises:
        InvalidUri: it is malformed.
    """
    names = parse(uri).names
    for index, name in enumerate(names):
        if index >= 1 and name in _OF_A_NAMESPACE:
            return ".".join(names[:index])
        if index > 1 and name == "executions":
            return ".".join(names[: index - 1])
        if index >= _CACHE_DEPTH and name == "cache":
            return ".".join(names[: index - 2])
    return None


def _apart(folder: str, value: str | None) -> str:
    return folder if value is None else f"{folder}{blake2b(value.encode(), digest_size=16).hexdigest()}/"


def _name(text: str) -> str:
    if "/" in text or not _PLAIN.fullmatch(f"/{text}"):
        build(text)
    return text


def _check(names: tuple[str, ...], shown: str) -> None:
    if len(names) > MAX_DEPTH:
        raise InvalidUri(f"{_shown(shown)} is more than {MAX_DEPTH} levels deep")
    for name in names:
        _check_name(name, shown)
    if sum(map(_size, names)) + len(names) > MAX_PATH:
        raise InvalidUri(f"{_shown(shown)} is longer than {MAX_PATH} bytes")


def _check_name(name: str, shown: str) -> None:
    """Refuse one level that is no plain name, as it stands or once decoded."""
    if not name:
        raise InvalidUri(f"{_shown(shown)} has an empty name between two '/'")
    if _size(name) > MAX_NAME:
        raise InvalidUri(f"{_shown(shown)} has a name of more than {MAX_NAME} bytes")
    decoded = _decoded(name, shown)
    for meaning in {name, decoded}:
        if unicodedata.normalize("NFKC", meaning) in {".", ".."} or "/" in meaning or "\\" in meaning:
            raise InvalidUri(f"{_shown(shown)} must not contain '.', '..' or '\\' as a step of its path, in any encoding")
        if _CONTROL.search(meaning):
            raise InvalidUri(f"{_shown(shown)} must not contain control characters")
        if meaning.lower().startswith(RESERVED):
            raise InvalidUri(f"{_shown(shown)} has a name that starts with {RESERVED}, which is kept for the storage itself")


def _decoded(name: str, shown: str) -> str:
    """Undo percent encoding, however often it was applied."""
    while "%" in name:
        try:
            decoded = unquote(name, errors="strict")
        except UnicodeDecodeError:
            raise InvalidUri(f"{_shown(shown)} has a percent encoding that is no UTF-8") from None
        if decoded == name:
            break
        name = decoded
    return name


def _size(name: str) -> int:
    try:
        return len(name.encode())
    except UnicodeEncodeError:
        raise InvalidUri(f"{_shown(name)} cannot be written as UTF-8") from None


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
