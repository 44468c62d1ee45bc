"""Options of HTTP tasks and triggers: authentication, time limits, proxy, TLS, what counts as a failure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from kestra_stream.models.document_model import Written
from kestra_stream.models.duration import Duration
from kestra_stream.models.property import Property


class BasicAuth(Written):
    """Name and password in each request."""

    type: Literal["BASIC"] = Field(description="BASIC.")
    username: Property[str] = Field(description="The name.")
    password: Property[str] = Field(default=Property.of(""), description="The password.")


class DigestAuth(Written):
    """Name and password, never sent as they are."""

    type: Literal["DIGEST"] = Field(description="DIGEST.")
    username: Property[str] = Field(description="The name.")
    password: Property[str] = Field(default=Property.of(""), description="The password.")


class BearerAuth(Written):
    """A token in each request."""

    type: Literal["BEARER"] = Field(description="BEARER.")
    token: Property[str] = Field(description="The token.")


Auth = Annotated[BasicAuth | DigestAuth | BearerAuth, Field(discriminator="type")]


class Timeouts(Written):
    """How long to wait."""

    connect_timeout: Property[Duration] | None = Field(default=None, description="For a connection.")
    read_idle_timeout: Property[Duration] | None = Field(default=None, description="For the next bytes of the answer; PT5M by default.")


class ProxyType(StrEnum):
    """The kind of a proxy; DIRECT is none at all."""

    DIRECT = "DIRECT"
    HTTP = "HTTP"
    SOCKS = "SOCKS"


class Proxy(Written):
    """The proxy that requests go through; without one, the environment's."""

    type: ProxyType = Field(default=ProxyType.DIRECT, description="DIRECT, HTTP or SOCKS.")
    address: Property[str] | None = Field(default=None, description="Its host.")
    port: Property[int] | None = Field(default=None, description="Its port.")
    username: Property[str] | None = Field(default=None, description="Name to log in with.")
    password: Property[str] | None = Field(default=None, description="Password to log in with.")


class Ssl(Written):
    """How a server has to prove who it is."""

    insecure_trust_all_certificates: Property[bool] = Field(
        default=Property.of("false", bool), description="Believe every certificate; for tests only."
    )


class Logged(StrEnum):
    """A part of an exchange that can be logged."""

    REQUEST_HEADERS = "REQUEST_HEADERS"
    REQUEST_BODY = "REQUEST_BODY"
    RESPONSE_HEADERS = "RESPONSE_HEADERS"
    RESPONSE_BODY = "RESPONSE_BODY"


_BY_LEVEL: Mapping[str, frozenset[Logged]] = {
    "ALL": frozenset(Logged),
    "TRACE": frozenset(Logged),
    "DEBUG": frozenset({Logged.REQUEST_HEADERS, Logged.RESPONSE_HEADERS}),
    "INFO": frozenset({Logged.RESPONSE_HEADERS}),
}


class HttpOptions(Written):
    """All options; the ones marked older are written as part of `auth`, `timeout` or `proxy` today."""

    auth: Auth | None = Field(default=None, description="How to log in.")
    timeout: Timeouts | None = Field(default=None, description="How long to wait.")
    proxy: Proxy | None = Field(default=None, description="The proxy to go through.")
    ssl: Ssl | None = Field(default=None, description="How the server has to prove who it is.")
    follow_redirects: Property[bool] = Field(default=Property.of("true", bool), description="Go where the answer points to.")
    allow_failed: Property[bool] = Field(default=Property.of("false", bool), description="Do not fail for codes of 400 and above.")
    allowed_response_codes: Property[list[int]] | None = Field(default=None, description="Codes of 400 and above that are no failure.")
    default_charset: Property[str] = Field(default=Property.of("UTF-8"), description="Encoding of an answer that names none.")
    max_content_length: Property[int] | None = Field(
        default=None, description="Most bytes of an answer that is an output; 10 MiB by default."
    )
    logs: tuple[Logged, ...] = Field(
        default=(), description="What is logged at DEBUG: REQUEST_HEADERS, REQUEST_BODY, RESPONSE_HEADERS, RESPONSE_BODY."
    )
    log_level: Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF", "ALL", "NOT_SPECIFIED"] | None = Field(
        default=None, description="Older: TRACE stands for all of `logs`, DEBUG for the headers, INFO for those of the answer."
    )
    basic_auth_user: Property[str] | None = Field(default=None, description="Older: name for BASIC.")
    basic_auth_password: Property[str] | None = Field(default=None, description="Older: password for BASIC.")
    connect_timeout: Property[Duration] | None = Field(default=None, description="Older: for a connection.")
    read_timeout: Property[Duration] | None = Field(default=None, description="Older: for the answer.")
    read_idle_timeout: Property[Duration] | None = Field(default=None, description="Older: for the next bytes.")
    connection_pool_idle_timeout: Property[Duration] | None = Field(default=None, description="Older: without effect.")
    proxy_type: ProxyType | None = Field(default=None, description="Older: kind of the proxy.")
    proxy_address: Property[str] | None = Field(default=None, description="Older: host of the proxy.")
    proxy_port: Property[int] | None = Field(default=None, description="Older: port of the proxy.")
    proxy_username: Property[str] | None = Field(default=None, description="Older: name for the proxy.")
    proxy_password: Property[str] | None = Field(default=None, description="Older: password for the proxy.")

    @property
    def logged(self) -> frozenset[Logged]:
        """What of an exchange is logged."""
        return frozenset(self.logs) or _BY_LEVEL.get(self.log_level or "", frozenset())
