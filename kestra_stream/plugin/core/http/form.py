"""What a request sends: text, the fields of a form, or files in a form of several parts."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import BinaryIO

from kestra_stream.plugin.api import Files, TaskFailed
from kestra_stream.plugin.core.http.call import Asker, HttpCall
from kestra_stream.plugin.staging import STORED
from kestra_stream.plugin.text import as_text

DEFAULT_TYPE = "application/json"
"""What a body is taken for, as in Kestra; `contentType` says otherwise."""

_BLOCK = 1 << 18

Part = tuple[str | None, BinaryIO | bytes]


class StoredBody:
    """A stored file as a body: read block by block, and again where a redirect or a login asks for it."""

    def __init__(self, files: Files, uri: str) -> None:
        self.uri = uri
        self.size = files.size(uri)
        self._files = files

    def __iter__(self) -> Iterator[bytes]:
        """Yield the blocks."""
        with self._files.open(self.uri) as source:
            while block := source.read(_BLOCK):
                yield block


@dataclass(frozen=True, slots=True)
class Content:
    """Text, a stored file, form fields, or parts; `type` is None when it follows from what is sent."""

    text: bytes | None = None
    stored: "StoredBody | None" = None
    fields: Mapping[str, str] | None = None
    files: list[tuple[str, Part]] | None = field(default=None)
    type: str | None = None


def content_of(context: Asker, call: HttpCall, stack: ExitStack) -> Content:
    """Render what a call sends; files that it opens are closed by the stack.

    Raises:
        TaskFailed: both a body and a form are given.
    """
    kind = context.render(call.content_type) if call.content_type is not None else None
    if call.form_data is not None:
        if call.body is not None:
            raise TaskFailed("give either `body` or `formData`")
        return _form(context, context.render(call.form_data), kind, stack)
    if call.body is None:
        return Content(type=kind)
    text = context.render(call.body)
    if STORED.fullmatch(text.strip()):
        return Content(stored=StoredBody(context.files, text.strip()), type=kind or DEFAULT_TYPE)
    return Content(text=_encoded(text, context.render(call.options.default_charset)), type=kind or DEFAULT_TYPE)


def _encoded(text: str, charset: str) -> bytes:
    try:
        return text.encode(charset)
    except (LookupError, UnicodeEncodeError) as error:
        raise TaskFailed(f"the body can not be sent as {charset}: {error}") from None


def _form(context: Asker, form: Mapping[str, object], kind: str | None, stack: ExitStack) -> Content:
    files = {name: part for name, value in form.items() if (part := _file(context, value, stack)) is not None}
    if not files and not (kind or "").startswith("multipart/"):
        return Content(fields={name: as_text(value) for name, value in form.items()}, type=kind)
    parts: list[tuple[str, Part]] = []
    for name, value in form.items():
        parts.append((name, files.get(name) or (None, as_text(value).encode())))
    # the boundary is chosen where the parts are put together, so the header is written there too
    return Content(files=parts)


def _file(context: Asker, value: object, stack: ExitStack) -> Part | None:
    """A stored file (by its URI, or a map of name and content); None for plain text."""
    name: str | None = None
    if isinstance(value, Mapping) and set(value) == {"name", "content"}:
        name, value = str(value["name"]), value["content"]
        if not str(value).startswith("kestra://"):
            return name, str(value).encode()
    if not isinstance(value, str) or not value.startswith("kestra://"):
        return None
    return name or value.rpartition("/")[2], stack.enter_context(context.files.open(value))
