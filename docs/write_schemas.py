"""Write docs/schemas: one JSON Schema a topic (`make docs`), and what a release publishes (`make publish-schemas`).

The files of `docs/schemas/vN` are the present schemas of version N of the schema header. A file of `docs/schemas/published` holds all of
them as a release had them, and never changes again: tests/schemas compares the present ones with each.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kestra_stream.queue.schema import bundle, topic_schema
from kestra_stream.queue.serde import SCHEMA_VERSION
from kestra_stream.topics import TOPICS

FOLDER = Path(__file__).with_name("schemas")


def present() -> dict[Path, str]:
    """Return what the files of the present version are to hold."""
    return {FOLDER / f"v{SCHEMA_VERSION}" / f"{topic.name}.json": _text(topic_schema(topic)) for topic in TOPICS}


def write() -> None:
    """Write the files of the present version, and remove those of topics that are gone."""
    wanted = present()
    folder = FOLDER / f"v{SCHEMA_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    for path in set(folder.glob("*.json")) - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


def publish(release: str) -> None:
    """Write down what a release promises; what is published stays as it is."""
    path = FOLDER / "published" / f"{release}.json"
    text = _text(bundle())
    if path.exists() and path.read_text(encoding="utf-8") != text:
        sys.exit(f"{path} is published, and the schemas have changed since: publish them with another release (pyproject.toml)")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if "--publish" in sys.argv:
        publish(version("kestra-stream"))
    write()
