"""How the server is reached: settings -> a pool of connections with time limits, tries, certificates and a proxy."""

import logging
import ssl
from types import TracebackType
from typing import Self
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from urllib3 import PoolManager, ProxyManager, Retry, Timeout
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import InsecureRequestWarning, MaxRetryError, SSLError
from urllib3.response import BaseHTTPResponse

from kestra_stream.errors import Invalid
from kestra_stream.settings import BucketSettings, RetrySettings

logger = logging.getLogger(__name__)

_CONNECTIONS = 64
_AGAIN = (429, 500, 502, 503, 504)


class Tries(Retry):
    """Tries again whatever the verb (each request of ours may be sent twice), waiting as the settings say; a certificate stays wrong."""

    multiplier = 2.0

    def new(self, **changes: object) -> Self:
        """Return the state after one more try."""
        tries = super().new(**changes)
        tries.multiplier = self.multiplier
        return tries

    def get_backoff_time(self) -> float:
        """Seconds to wait before the next try."""
        failed = len(self.history)
        if failed == 0:
            return 0
        return float(min(self.backoff_max, self.backoff_factor * self.multiplier ** (failed - 1)))

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Count a try."""
        if isinstance(error, SSLError) and _pool is not None and "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise MaxRetryError(_pool, url or "", error)
        return super().increment(method, url, response, error, _pool, _stacktrace)


def tries_of(retries: RetrySettings) -> Tries:
    """Return the tries of one request."""
    tries = Tries(
        total=retries.attempts - 1,
        backoff_factor=retries.delay.total_seconds(),
        backoff_max=retries.max_delay.total_seconds(),
        status_forcelist=_AGAIN,
        allowed_methods=None,
        # the last answer says more than that there were too many
        raise_on_status=False,
        # a server could make us wait for hours
        respect_retry_after_header=False,
    )
    tries.multiplier = retries.multiplier
    return tries


def pool_of(settings: BucketSettings, section: str, address: str, retries: RetrySettings) -> PoolManager:
    """Return the connections to the server.

    Raises:
        Invalid: the file of certificates cannot be read, or the proxy's address is none.
    """
    timeout = Timeout(connect=settings.connect_timeout.total_seconds(), read=settings.read_timeout.total_seconds())
    tries, tls = tries_of(retries), _tls(settings, section)
    proxy = settings.proxy or _proxy_of_environment(address)
    if proxy is None:
        return PoolManager(timeout=timeout, maxsize=_CONNECTIONS, retries=tries, ssl_context=tls)
    try:
        return ProxyManager(proxy, timeout=timeout, maxsize=_CONNECTIONS, retries=tries, ssl_context=tls)
    except (ValueError, urllib3.exceptions.HTTPError):
        raise Invalid(f"{section}.proxy is no address of a proxy; write it as http://proxy.example.com:3128") from None


def _tls(settings: BucketSettings, section: str) -> ssl.SSLContext:
    context = urllib3.util.create_urllib3_context()
    if not settings.verify_tls:
        logger.warning("%s.verify-tls is off: whoever is on the way may read and change what is stored", section)
        urllib3.disable_warnings(InsecureRequestWarning)  # which would come with every request
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    try:
        context.load_verify_locations(settings.ca_file or certifi.where())
    except OSError as error:
        raise Invalid(f"{section}.ca-file: {settings.ca_file} holds no certificates that can be read ({error})") from None
    return context


def _proxy_of_environment(address: str) -> str | None:
    scheme, _, host = address.partition("://")
    return None if proxy_bypass(host) else getproxies().get(scheme)
