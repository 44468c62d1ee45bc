"""Files of the execution that the tests' attempts belong to."""

from tests.unit.plugin.script.attempts import Place

FOLDER = "kestra:///company/team/f/executions/e1/"


def stored(place: Place, content: bytes, name: str = "inputs/file/data.ion") -> str:
    """Store a file and return its URI."""
    return place.storage.put("main", f"{FOLDER}{name}", content)


def content(place: Place, uri: object) -> bytes:
    """Read a file."""
    with place.storage.get("main", str(uri)) as file:
        return file.read()
