"""A small HTTP proxy in front of a real server, which does to requests what a test asks for."""

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Protocol
from urllib.parse import urlsplit

_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive"})


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A request, and what the server answered when it was asked."""

    method: str
    path: str
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Fault(Protocol):
    """What is done instead of passing on."""

    def apply(self, handler: "Handler") -> None:
        """Answer, or do not."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the proxy's own; the server hears nothing."""

    status: int
    code: str = ""
    kind: str = "application/xml"

    def apply(self, handler: "Handler") -> None:
        text = f"<Error><Code>{self.code}</Code><Message>as the test wants</Message></Error>" if self.code else "<html>hello</html>"
        handler.answer(self.status, [("Content-Type", self.kind)], text.encode())


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """The server does what it is asked to; nobody hears of it."""

    def apply(self, handler: "Handler") -> None:
        handler.ask()
        handler.hang_up()


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks after so many bytes of the answer."""

    after: int

    def apply(self, handler: "Handler") -> None:
        found = handler.ask()
        handler.answer(found.status, found.headers, found.body, at_most=self.after)
        handler.hang_up()


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer comes."""

    until: Event

    def apply(self, handler: "Handler") -> None:
        self.until.wait(30)
        handler.hang_up()


@dataclass(frozen=True, slots=True)
class Slow:
    """The server is asked only after a while."""

    seconds: float

    def apply(self, handler: "Handler") -> None:
        Event().wait(self.seconds)
        found = handler.ask()
        handler.answer(found.status, found.headers, found.body)


@dataclass(slots=True)
class _Planned:
    method: str
    part: str
    fault: Fault
    times: int


@dataclass(slots=True)
class Faults:
    """What is planned, and which requests came."""

    upstream: str
    planned: list[_Planned] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def plan(self, fault: Fault, *, method: str = "", part: str = "", times: int = 1_000_000) -> None:
        """Do this to the next requests of a method whose path has this part."""
        with self.lock:
            self.planned.append(_Planned(method, part, fault, times))

    def heal(self) -> None:
        """Pass everything on again."""
        with self.lock:
            self.planned.clear()

    def count(self, method: str, part: str = "") -> int:
        """How many requests of a kind came."""
        return sum(request.startswith(method) and part in request for request in self.requests)

    def next(self, method: str, path: str) -> Fault | None:
        """The fault for a request that has come."""
        with self.lock:
            self.requests.append(f"{method} {path}")
            for planned in self.planned:
                if planned.times > 0 and planned.method in {"", method} and planned.part in path:
                    planned.times -= 1
                    return planned.fault
        return None


class Handler(BaseHTTPRequestHandler):
    """Handles one connection."""

    protocol_version = "HTTP/1.1"
    faults: Faults
    body: bytes

    def handle_any(self) -> None:
        """Pass a request on, or do what is planned."""
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.faults.next(self.command, self.path)
        if fault is not None:
            fault.apply(self)
            return
        found = self.ask()
        self.answer(found.status, found.headers, found.body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815 - names that the library looks for

    def ask(self) -> Exchanged:
        """Ask the server."""
        connection = http.client.HTTPConnection(urlsplit(self.faults.upstream).netloc, timeout=30)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(self.body)))
            connection.endheaders(self.body)
            response = connection.getresponse()
            body = response.read()
            headers = response.getheaders()
            return Exchanged(self.command, self.path, response.status, headers, body)
        finally:
            connection.close()

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes, at_most: int | None = None) -> None:
        """Write an answer."""
        self.send_response_only(status)
        length = {name.lower(): value for name, value in headers}.get("content-length") if self.command == "HEAD" else None
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if at_most is None else body[:at_most])

    def hang_up(self) -> None:
        """End the connection."""
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Write nothing."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that serves."""

    url: str
    faults: Faults


@contextmanager
def proxy(upstream: str, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Serve in front of a server."""
    faults = Faults(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"faults": faults}))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up is what tests want
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Proxy(f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}", faults)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
