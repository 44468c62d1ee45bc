"""A small HTTP server on the loopback interface that answers as the path says and keeps what it was sent."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BIG = b"0123456789abcdef" * 4096
FIXED: dict[str, tuple[int, bytes, tuple[str, str]]] = {
    "empty": (200, b"", ("X-Empty", "yes")),
    "missing": (404, b"", ("X-Empty", "yes")),
    "moved": (307, b"", ("Location", "/echo")),
    "redirect": (302, b"", ("Location", "/echo")),
    "latin": (200, "é".encode("latin-1"), ("Content-Type", "text/plain")),
    "zipped": (200, gzip.compress(b"unzipped"), ("Content-Encoding", "gzip")),
}


class Handler(BaseHTTPRequestHandler):
    """Answers."""

    server: "Server"

    def answer(self) -> None:
        """Answer by the first part of the path."""
        path = urlsplit(self.path).path
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        match path.split("/")[1:]:
            case ["status", code]:
                self.send(int(code), b"went wrong" if int(code) >= 400 else b"fine")
            case [name] if name in FIXED:
                self.send(*FIXED[name])
            case ["big", blocks]:
                self.send_response(200)
                self.send_header("Content-Length", str(len(BIG) * int(blocks)))
                self.end_headers()
                for _ in range(int(blocks)):
                    self.wfile.write(BIG)
            case ["named", *_]:
                self.send(200, b"a,b\n", ("Content-Disposition", 'attachment; filename="../re port.csv"'))
            case ["silent"]:
                self.server.asked.set()
                self.server.released.wait(30)
            case ["broken"]:
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"half")
            case _:
                self.echo(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = answer  # noqa: N815 - names that the base class asks for

    def echo(self, body: bytes) -> None:
        """Answer with what was sent."""
        told = {
            "method": self.command,
            "path": urlsplit(self.path).path,
            "query": parse_qs(urlsplit(self.path).query),
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode("utf-8", "replace"),
        }
        self.send(200, json.dumps(told).encode(), ("Content-Type", "application/json"), ("X-Many", "1"), ("X-Many", "2"))

    def send(self, code: int, body: bytes, *headers: tuple[str, str]) -> None:
        """Send a whole answer."""
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Answers in threads; `asked` is set when somebody waits at /silent, until `released`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = threading.Event()
        self.released = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is nothing to tell."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving() -> Iterator[Server]:
    """Serve while the block runs."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
