"""Environment variables: names and texts in, values by field out.

`KESTRA_KAFKA_DEFAULTS_TOPIC_PREFIX` is `kestra.kafka.defaults.topic-prefix`: an underscore stands for a dot, a dash or nothing, and
whatever names a key is that key. In the properties of a client it stands for a dot, and two for an underscore.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from kestra_stream.document.yaml_reader import load_documents
from kestra_stream.errors import Fault
from kestra_stream.settings.binding import Bound, Origin, Path, dotted, over
from kestra_stream.settings.keys import all_keys, compact, entry_section_of, fields_of, is_map, joint_of, nearest, section_of
from kestra_stream.settings.section import Section, as_texts, holds_properties
from kestra_stream.settings.sections import Settings

PREFIX = "KESTRA_"
TOOLS = "KESTRA_STREAM_"
WHOLE = "KESTRA_CONFIGURATION"
PLACE = "KESTRA_CONFIGURATION_PATH"
"""Names the file of the settings for commands that are given none."""
KEY = "KESTRA_STREAM_ENCRYPTION_KEY"
"""The older name of KESTRA_ENCRYPTION_SECRET_KEY."""
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")
_OF_A_SERVICE = re.compile(r"KESTRA(_[A-Z0-9]+)*_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
"""What Kubernetes tells every container about a service whose name begins with `kestra`."""


def variables(environ: Mapping[str, str]) -> Bound:
    """Bind all variables that begin with KESTRA_; an empty one counts as not set."""
    bound = Bound()
    for name, text in sorted(environ.items()):
        if name.startswith(PREFIX) and text and not _is_no_setting(name, text):
            _bind(bound, name, text)
    return bound


def variable_of(key: str) -> str:
    """Return the variable that sets a key, given by its dotted name."""
    return re.sub(r"[.-]", "_", key).upper()


def _is_no_setting(name: str, text: str) -> bool:
    """Whether a variable is something else: the whole document or its place, one of this project's tools, what Kubernetes tells."""
    if name in {WHOLE, PLACE} or (name.startswith(TOOLS) and name != KEY):
        return True
    return _ADDRESS.match(text) is not None or _OF_A_SERVICE.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class _Way:
    """What a variable can mean: a field, or with `is_inner` a key inside of a field that is a map."""

    path: Path
    field: FieldInfo
    is_inner: bool = False


def _bind(bound: Bound, name: str, text: str) -> None:
    ways = list(_ways(Settings, name.removeprefix(PREFIX).split("_"), ()))
    if name == KEY:
        ways, text = [_Way(("encryption", "secret_key"), Settings.model_fields["encryption"])], text.strip()
    if len(ways) != 1:
        bound.faults.append(Fault(_unclear(name, [way.path for way in ways]), "", name))
        return
    path = ways[0].path
    at = bound.data
    for step in path[:-1]:
        inner = at.setdefault(str(step), {})
        at = inner if isinstance(inner, dict) else {}
    value = _value(bound, name, text, ways[0])
    below = at.get(str(path[-1]))
    at[str(path[-1])] = over(value, below) if isinstance(value, dict) and isinstance(below, dict) else value
    bound.origins[path] = Origin(name)


def _ways(section: type[Section], words: Sequence[str], path: Path) -> Iterator[_Way]:
    """Yield every field that the words can mean."""
    for name, field in fields_of(section).items():
        for count in range(1, len(words) + 1):
            if "".join(words[:count]).lower() != compact(name):
                continue
            rest = words[count:]
            inner = section_of(field)
            if inner is not None:
                yield from _ways(inner, rest, (*path, name))
            elif not rest:
                yield _Way((*path, name), field)
            elif is_map(field):
                yield _Way((*path, name, _inner_key(rest, joint_of(field))), field, is_inner=True)


def _inner_key(words: Sequence[str], joint: str) -> str:
    return "_".join(words).lower().replace("__", "\0").replace("_", joint).replace("\0", "_")


def _value(bound: Bound, name: str, text: str, way: _Way) -> object:
    """Return the value; a whole map or list is written as YAML."""
    if way.is_inner or not (is_map(way.field) or entry_section_of(way.field) is not None):
        return text
    documents = load_documents(text, name)
    bound.faults.extend(fault for document in documents for fault in document.faults)
    data = documents[0].data if documents else None
    return as_texts(data) if holds_properties(way.field) else data


def _unclear(name: str, ways: Sequence[Path]) -> str:
    if ways:
        return f"can mean {' or '.join(dotted(path) for path in ways)}; set it in the file"
    known = [variable_of(key) for key, _ in all_keys(Settings)]
    return f"sets nothing that is known{nearest(name, known)}"
