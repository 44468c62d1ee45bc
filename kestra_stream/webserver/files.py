"""Files at the door: an uploaded or named file becomes a file of the execution that it is an input of."""

from pathlib import Path

from kestra_stream.errors import Invalid
from kestra_stream.models.execution import Execution
from kestra_stream.storage import uri as places
from kestra_stream.storage.interface import Storage


def store_input_file(storage: Storage, head: Execution, input_id: str, value: object) -> str:
    """Store a file (a `Path`) under the execution and return its URI; text that is a URI already is returned as it is.

    Raises:
        Invalid: no such file, an empty one, or a malformed URI.
    """
    uri = check_input_file(value)
    if not isinstance(value, Path):
        return uri
    folder = places.execution_folder(head.namespace, head.flow_id, head.id)
    uri = places.input_file(folder, input_id, places.written(value.name))
    with value.open("rb") as content:
        return storage.put(head.tenant_id, uri, content)


def check_input_file(value: object) -> str:
    """Return the URI that a file would get, without its folder; nothing is stored. Raises Invalid for no such file, or an empty one."""
    if not isinstance(value, Path):
        text = str(value)
        return places.parse(text).uri if text.startswith(places.SCHEME) else text
    if not value.is_file():
        raise Invalid(f"there is no regular file {value}")
    if value.stat().st_size == 0:
        raise Invalid(f"the file {value} is empty")
    return f"kestra:///{places.written(value.name)}"
