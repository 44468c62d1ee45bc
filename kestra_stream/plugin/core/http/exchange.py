"""One HTTP exchange: (run context, call) -> the open answer. Imported when a request is made, since httpx is slow to load."""

import socket
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from urllib.parse import quote

import httpx

from kestra_stream.models.property import Property
from kestra_stream.plugin.api import TaskFailed
from kestra_stream.plugin.core.http.call import Asker, HttpCall, check_address
from kestra_stream.plugin.core.http.form import Content, content_of
from kestra_stream.plugin.core.http.options import BasicAuth, BearerAuth, DigestAuth, HttpOptions, Logged, Proxy, ProxyType
from kestra_stream.plugin.core.http.traced import log_answer, log_request, logging_body

_CONNECT = timedelta(seconds=30)
_READ = timedelta(minutes=5)
_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answers; the body is read as it comes.

    Attributes:
        headers: by name as sent; each has a list of values.
        uri: where the answer came from in the end, after redirects.
        charset: the encoding that it names.
        sent: bytes of the body that was sent, None when that is not known.
    """

    code: int
    headers: Mapping[str, list[str]]
    uri: str
    charset: str | None
    sent: int | None
    chunks: Callable[[], Iterator[bytes]]

    def header(self, name: str) -> str | None:
        """Return a header by its name in any case, None without one."""
        return next((values[0] for known, values in self.headers.items() if known.lower() == name), None)

    def body(self, limit: int) -> bytes:
        """Read the body.

        Raises:
            TaskFailed: it is longer than the limit.
        """
        parts, size = [], 0
        for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise TaskFailed(f"the answer has more than {limit} bytes; raise options.maxContentLength or use a Download task")
            parts.append(chunk)
        return b"".join(parts)


@contextmanager
def opened(context: Asker, call: HttpCall) -> Generator[Answer, None, None]:
    """Send the request and give the answer, whose body is still to be read; the connection ends with the block, or with a kill.

    Raises:
        TaskFailed: no connection, no answer, or a code that means failure.
    """
    sockets: list[socket.socket] = []
    with ExitStack() as stack:
        try:
            client = stack.enter_context(_client(context, call))
            stack.enter_context(context.on_kill(lambda: _cut(sockets)))
            content = content_of(context, call, stack)
            request = _request(context, call, client, content)
            wanted = call.options.logged
            log_request(context, wanted, request.headers.items(), content)
            request.extensions["trace"] = partial(_note, sockets)
            follows = context.render(call.options.follow_redirects)
            response = client.send(request, stream=True, follow_redirects=follows, auth=_auth(context, call.options))
            stack.callback(response.close)
            answer = _answer(response)
            log_answer(context, wanted, answer.code, response.headers.items())
            if Logged.RESPONSE_BODY in wanted:
                answer = replace(answer, chunks=logging_body(context, answer.chunks))
            _check(context, call, answer)
            yield answer
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ImportError) as error:
            raise TaskFailed(f"{context.render(call.method)} {context.render(call.uri)}: {str(error) or type(error).__name__}") from error


def _client(context: Asker, call: HttpCall) -> httpx.Client:
    options = call.options
    ssl = options.ssl or call.ssl_options
    verify = not (ssl is not None and context.render(ssl.insecure_trust_all_certificates))
    proxy = _proxy(context, options)
    return httpx.Client(verify=verify, timeout=_timeout(context, options), proxy=proxy, trust_env=proxy is None and options.proxy is None)


def _timeout(context: Asker, options: HttpOptions) -> httpx.Timeout:
    def seconds(*chosen: Property[timedelta] | None, default: timedelta) -> float:
        given = next((one for one in chosen if one is not None), None)
        return (context.render(given) if given is not None else default).total_seconds()

    nested = options.timeout
    connect = seconds(nested.connect_timeout if nested else None, options.connect_timeout, default=_CONNECT)
    idle = nested.read_idle_timeout if nested else None
    read = seconds(idle, options.read_timeout, options.read_idle_timeout, default=_READ)
    return httpx.Timeout(read, connect=connect)


def _proxy(context: Asker, options: HttpOptions) -> httpx.Proxy | None:
    given = options.proxy or Proxy(
        type=options.proxy_type or (ProxyType.HTTP if options.proxy_address is not None else ProxyType.DIRECT),
        address=options.proxy_address,
        port=options.proxy_port,
        username=options.proxy_username,
        password=options.proxy_password,
    )
    if given.type is ProxyType.DIRECT or given.address is None:
        return None
    scheme = "socks5" if given.type is ProxyType.SOCKS else "http"
    port = f":{context.render(given.port)}" if given.port is not None else ""
    login = None
    if given.username is not None:
        login = (context.render(given.username), context.render(given.password) if given.password is not None else "")
    return httpx.Proxy(f"{scheme}://{context.render(given.address)}{port}", auth=login)


def _auth(context: Asker, options: HttpOptions) -> httpx.Auth | None:
    match options.auth:
        case BasicAuth(username=name, password=password):
            return httpx.BasicAuth(context.render(name), context.render(password))
        case DigestAuth(username=name, password=password):
            return httpx.DigestAuth(context.render(name), context.render(password))
        case BearerAuth(token=token):
            return _Bearer(context.render(token))
        case None if options.basic_auth_user is not None:
            password = options.basic_auth_password or Property.of("")
            return httpx.BasicAuth(context.render(options.basic_auth_user), context.render(password))
        case None:
            return None


class _Bearer(httpx.Auth):
    """Sends a token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]  # a plain iterator will do
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def _request(context: Asker, call: HttpCall, client: httpx.Client, content: Content) -> httpx.Request:
    try:
        url = httpx.URL(_escaped(check_address(context.render(call.uri))))
    except ValueError as error:
        raise TaskFailed(str(error)) from None
    if call.params is not None:
        url = url.copy_merge_params({name: value for name, value in context.render(call.params).items() if value is not None})
    headers = {name: str(value) for name, value in context.render(call.headers).items()} if call.headers is not None else {}
    if content.type is not None and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = content.type
    if content.stored is not None:
        headers["Content-Length"] = str(content.stored.size)
    body = content.stored or content.text
    return client.build_request(
        context.render(call.method).value, url, headers=headers, content=body, data=content.fields, files=content.files
    )


def _escaped(uri: str) -> str:
    """Spaces and signs that may not stand in an address, escaped; what is escaped already stays so."""
    return quote(uri.strip(), safe="%/:=&?~#+!$,;'@()*[]")


def _note(sockets: list[socket.socket], event: str, info: Mapping[str, object]) -> None:
    """Remember the sockets, so that a kill can wake a thread that waits for bytes."""
    if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
        find = getattr(info.get("return_value"), "get_extra_info", None)
        found = find("socket") if find is not None else None
        if isinstance(found, socket.socket):
            sockets.append(found)


def _cut(sockets: list[socket.socket]) -> None:
    for one in sockets:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except (OSError, ValueError):
            continue


def _answer(response: httpx.Response) -> Answer:
    headers: dict[str, list[str]] = {}
    for name, value in response.headers.raw:
        headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    length = response.request.headers.get("content-length")
    return Answer(
        response.status_code, headers, str(response.url), response.charset_encoding, int(length) if length else None, response.iter_bytes
    )


def _check(context: Asker, call: HttpCall, answer: Answer) -> None:
    """Refuse a code of 400 and above that nobody expects."""
    if answer.code < httpx.codes.BAD_REQUEST or context.render(call.allow_failed) or context.render(call.options.allow_failed):
        return
    allowed = call.options.allowed_response_codes
    if allowed is not None and answer.code in context.render(allowed):
        return
    start = b""
    for chunk in answer.chunks():
        start += chunk
        if len(start) >= _SHOWN:
            break
    text = start[:_SHOWN].decode(answer.charset or "utf-8", "replace")
    raise TaskFailed(f"Request to {answer.uri} failed with response code {answer.code}{f' and body: {text}' if text else ''}")
