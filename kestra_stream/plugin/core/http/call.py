"""The properties of one HTTP request, shared by the tasks and the trigger."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from pydantic import Field, field_validator

from kestra_stream.models.document_model import Written
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import Files
from kestra_stream.plugin.core.http.options import HttpOptions, Ssl

T = TypeVar("T")


class Method(StrEnum):
    """What is asked of the server."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"
    TRACE = "TRACE"


class Debugging(Protocol):
    """Where an exchange tells what goes on."""

    def debug(self, message: str, /) -> None:
        """Write one line."""
        ...


class Asker(Protocol):
    """What an exchange uses of a run context."""

    @property
    def logger(self) -> Debugging:
        """The log for what `options.logs` names."""
        ...

    @property
    def files(self) -> Files:
        """Internal storage."""
        ...

    def render(self, value: Property[T], /) -> T:
        """Render a property to its type."""
        ...

    def on_kill(self, stop: Callable[[], None], /) -> AbstractContextManager[None]:
        """Call `stop` (from another thread) if the attempt is stopped inside the block."""
        ...


class HttpCall(Written):
    """What is sent, and how."""

    uri: Property[str] = Field(description="Where to: http:// or https://.")
    method: Property[Method] = Field(default=Property.of("GET", Method), description="What is asked of the server.")
    params: Property[dict[str, Any]] | None = Field(default=None, description="Added to the query; a list gives several of a name.")
    headers: Property[dict[str, Any]] | None = Field(default=None, description="Headers of the request.")
    body: Property[str] | None = Field(default=None, description="What is sent: text, or the kestra:// URI of a stored file.")
    form_data: Property[dict[str, Any]] | None = Field(
        default=None, description="Fields of a form, instead of a body; a kestra:// URI (or a map of name and content) is a file."
    )
    content_type: Property[str] | None = Field(
        default=None, description="Type of what is sent: application/json for a body by default, multipart/form-data for a form in parts."
    )
    options: HttpOptions = Field(default=HttpOptions(), description="Authentication, time limits, proxy, ...")
    ssl_options: Ssl | None = Field(default=None, description="Older: `ssl` of the options.")
    allow_failed: Property[bool] = Field(default=Property.of("false", bool), description="Do not fail for codes of 400 and above.")

    @field_validator("uri")
    @classmethod
    def _is_http(cls, uri: Property[str]) -> Property[str]:
        if uri.is_constant:
            check_address(str(uri.raw))
        return uri


def check_address(uri: str) -> str:
    """Return an address that HTTP can reach. Raises ValueError for any other."""
    if not uri.lower().startswith(("http://", "https://")):
        raise ValueError(f"`{uri[:200]}` is not an http:// or https:// address")
    return uri
