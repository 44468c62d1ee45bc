"""Lines about an HTTP exchange, for the parts that `options.logs` names."""

from collections.abc import Callable, Iterable, Iterator

from kestra_stream.plugin.core.http.call import Asker
from kestra_stream.plugin.core.http.form import Content
from kestra_stream.plugin.core.http.options import Logged

_HIDDEN = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_SHOWN = 10_000


def log_request(context: Asker, wanted: frozenset[Logged], headers: Iterable[tuple[str, str]], content: Content) -> None:
    """Log what is about to be sent."""
    if Logged.REQUEST_HEADERS in wanted:
        context.logger.debug(_headers("request headers", headers))
    if Logged.REQUEST_BODY in wanted:
        text = content.stored.uri if content.stored is not None else (content.text or b"").decode("utf-8", "replace")
        told = f"request body: {text[:_SHOWN] or content.fields or ''}"
        context.logger.debug(told)


def log_answer(context: Asker, wanted: frozenset[Logged], code: int, headers: Iterable[tuple[str, str]]) -> None:
    """Log what the server answers, as far as it is known before its body is read."""
    if Logged.RESPONSE_HEADERS in wanted:
        context.logger.debug(_headers(f"response {code}, headers", headers))


def logging_body(context: Asker, chunks: Callable[[], Iterator[bytes]]) -> Callable[[], Iterator[bytes]]:
    """Return the same chunks; once they have been read, the beginning of the body is logged."""

    def logged() -> Iterator[bytes]:
        start = b""
        for chunk in chunks():
            start += chunk[: _SHOWN - len(start)]
            yield chunk
        told = f"response body: {start.decode('utf-8', 'replace')}"
        context.logger.debug(told)

    return logged


def _headers(title: str, headers: Iterable[tuple[str, str]]) -> str:
    lines = [f"{name}: {'********' if name.lower() in _HIDDEN else value}" for name, value in headers]
    return "\n".join([f"{title}:", *lines])
