"""The management port: `/health`, `/health/liveness`, `/health/readiness` and `/prometheus` over HTTP, for probes and scrapers."""

import logging
import sys
from collections.abc import Callable, Mapping
from errno import EADDRNOTAVAIL
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import gaierror
from threading import Thread
from typing import Any

import orjson

from kestra_stream.errors import Invalid
from kestra_stream.runtime.observation.health import Health, Status
from kestra_stream.runtime.observation.metrics import Metrics

logger = logging.getLogger(__name__)

_JSON = "application/json"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_SLOWEST_CLIENT = 10.0
_LOOK = 0.5
Probes = Mapping[str, Callable[[], Health]]


class Management:
    """Listens from the start on; answers in threads of its own.

    Args:
        host, port: where it listens; port 0 takes a free one.
        probes: by path.

    Attributes:
        port: where it really listens.

    Raises:
        Invalid: the port can not be had.
    """

    def __init__(self, host: str, port: int, probes: Probes, metrics: Metrics) -> None:
        try:
            self._server = _Port((host, port), partial(_Handler, probes, metrics))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            if isinstance(error, gaierror) or getattr(error, "errno", None) == EADDRNOTAVAIL:
                raise Invalid(
                    f"kestra.server.host: {host} is no address of this machine ({reason}); 0.0.0.0 stands for all of them"
                ) from error
            raise Invalid(
                f"kestra.server.port: {port} cannot be opened on {host} ({reason}); choose another one, 0 takes a free one"
            ) from error
        self.port = int(self._server.server_address[1])
        self._thread = Thread(target=self._server.serve_forever, args=(_LOOK,), name="management", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Port(ThreadingHTTPServer):
    """A listening port whose broken connections are no news."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell whoever looks for it."""
        logger.debug("the question of %s has failed: %r", client_address, sys.exc_info()[1])


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    timeout = _SLOWEST_CLIENT
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "kestra-stream", ""

    def __init__(self, probes: Probes, metrics: Metrics, *connection: Any) -> None:
        self._probes, self._metrics = probes, metrics
        super().__init__(*connection)

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0].rstrip("/")
        if path == "/prometheus":
            self._send(HTTPStatus.OK, _PROMETHEUS, self._metrics.text())
        elif path in self._probes:
            health = _asked(path, self._probes[path])
            status = HTTPStatus.OK if health.status is Status.UP else HTTPStatus.SERVICE_UNAVAILABLE
            self._send(status, _JSON, orjson.dumps(health.as_json(), default=str))
        else:
            self._send(HTTPStatus.NOT_FOUND, _JSON, orjson.dumps(_not_found(self.path)))

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the standard library gives
        """Probes are no news."""
        logger.debug(format, *args)

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _asked(path: str, probe: Callable[[], Health]) -> Health:
    """Ask a probe; of one that can not be asked nothing good is known."""
    try:
        return probe()
    except Exception as error:
        logger.exception("%s can not be told", path)
        return Health.of(is_up=False, error=f"{type(error).__name__}: {error}")


def _not_found(path: str) -> Mapping[str, object]:
    message = "Page Not Found"
    return {"message": message, "_links": {"self": {"href": path, "templated": False}}, "_embedded": {"errors": [{"message": message}]}}
