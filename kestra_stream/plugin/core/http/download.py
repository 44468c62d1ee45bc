"""io.kestra.plugin.core.http.Download: a request whose answer becomes a stored file."""

import re
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.models.records import MetricType
from kestra_stream.plugin.api import Measure, RunContext, RunnableTask, TaskFailed, TaskOutput
from kestra_stream.plugin.core.http.call import HttpCall

_ENCODED_NAME = re.compile(r"filename\*\s*=\s*([\w-]+)'[^']*'([^;]+)", re.IGNORECASE)
_PLAIN_NAME = re.compile(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)
_LONGEST_NAME = 200
_BAD = 400


class DownloadOutput(TaskOutput):
    """The file, its size in bytes, and code and headers of the answer."""

    uri: str = Field(description="URI of the stored file.")
    code: int = Field(description="Status code of the answer.")
    length: int = Field(description="Size of the file in bytes.")
    headers: Mapping[str, list[str]] = Field(description="Headers of the answer, each with a list of values.")


class Download(HttpCall, RunnableTask):
    """Download a file into internal storage, however big it is."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.http.Download"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.fs.http.Download",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: fetch
        type: io.kestra.plugin.core.http.Download
        uri: https://example.com/orders.csv
        """,
    )
    measures: ClassVar[tuple[Measure, ...]] = (Measure("response.length", MetricType.COUNTER, "Bytes received."),)

    fail_on_empty_response: Property[bool] = Field(default=Property.of("true", bool), description="Fail when there is nothing to store.")
    save_as: Property[str] | None = Field(
        default=None, description="Name of the file; by default the one that the server or address gives."
    )

    def run(self, context: RunContext) -> DownloadOutput:
        from kestra_stream.plugin.core.http.exchange import opened  # noqa: PLC0415 - loads httpx

        length = 0
        with opened(context, self) as answer:
            name = context.render(self.save_as) if self.save_as is not None else ""
            with context.files.writer(file_name(name or named_by_server(answer.header("content-disposition")) or answer.uri)) as target:
                for chunk in answer.chunks():
                    target.write(chunk)
                    length += len(chunk)
                if length == 0 and answer.code < _BAD and context.render(self.fail_on_empty_response):
                    raise TaskFailed(f"{answer.uri} answered {answer.code} with nothing in it")
        context.counter("response.length", length)
        return DownloadOutput(uri=target.uri, code=answer.code, length=length, headers=answer.headers)


def named_by_server(disposition: str | None) -> str:
    """Return the file name in a Content-Disposition header; empty without one."""
    encoded = _ENCODED_NAME.search(disposition or "")
    if encoded is not None:
        try:
            return unquote(encoded[2].strip(), encoding=encoded[1])
        except LookupError:
            return ""
    plain = _PLAIN_NAME.search(disposition or "")
    return (plain[1] or plain[2] or "") if plain is not None else ""


def file_name(text: str) -> str:
    """Return the last name in a path or address, with signs that a stored file may have."""
    path = urlsplit(text).path if "://" in text else text
    last = unquote(path).replace("\\", "/").rstrip("/").rpartition("/")[2]
    return re.sub(r"[^\w.-]", "_", last, flags=re.ASCII).strip(".")[-_LONGEST_NAME:].lstrip(".") or "download"
