"""Who the storage is to its server: settings -> a provider of the SDK. Tokens never come into an address, a log or a message."""

import configparser
import os
import re
from threading import Lock
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

from minio.credentials.credentials import Credentials
from minio.credentials.providers import (
    AssumeRoleProvider,
    AWSConfigProvider,
    EnvAWSProvider,
    EnvMinioProvider,
    IamAwsProvider,
    Provider,
    StaticProvider,
    WebIdentityProvider,
)
from minio.helpers import sha256_hash
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from kestra_stream.errors import Invalid, KestraError, Unavailable
from kestra_stream.settings import BucketSettings, S3Settings

_SECONDS = 5
_TRIES = 3
# what the SDK's providers raise when there is nothing for them to find, or when what they find is no credentials
_KNOWS_NOTHING = (ValueError, LookupError, TypeError, AttributeError, OSError, ParseError, configparser.Error)
_FORM = "application/x-www-form-urlencoded"


def provider_of(settings: BucketSettings, section: str) -> Provider:
    """Return what knows the keys: those of the settings, a role's, those of the environment, or those of this machine.

    Raises:
        Invalid: the settings say it only by half.
    """
    access, secret = settings.access_key, settings.secret_key
    if (access is None) != (secret is None):
        missing = "secret-key" if secret is None else "access-key"
        raise Invalid(f"{section}.{missing} is missing: an access key and a secret key belong together")
    role = _role_provider(settings, section) if isinstance(settings, S3Settings) else None
    if role is not None:
        return CarefulProvider([role], section)
    if access is not None and secret is not None:
        token = settings.session_token.get_secret_value() if settings.session_token is not None else None
        return StaticProvider(access.get_secret_value(), secret.get_secret_value(), token)
    return CarefulProvider([EnvAWSProvider(), EnvMinioProvider(), AWSConfigProvider(), _machine(settings)], section)


class CarefulProvider(Provider):
    """Asks one provider after the other, one thread at a time, and says what to do when none knows keys."""

    def __init__(self, providers: list[Provider], section: str) -> None:
        self._providers = providers
        self._section = section
        self._lock = Lock()
        self._credentials: Credentials | None = None

    def retrieve(self) -> Credentials:
        """Return keys that are valid now."""
        with self._lock:
            if self._credentials is None or self._credentials.is_expired():
                self._credentials = self._found()
            return self._credentials

    def _found(self) -> Credentials:
        unreachable = False
        for provider in self._providers:
            try:
                return provider.retrieve()
            except KestraError:
                raise
            except HTTPError:
                unreachable = True
            except _KNOWS_NOTHING:  # some of them print a token: nothing of them is told
                continue
        if len(self._providers) == 1:
            state = "does not answer" if unreachable else "refuses to"
            raise Unavailable(
                f"The service that gives out credentials {state}; check the role, its token and {self._section}.sts-endpoint-override"
            )
        raise Unavailable(
            f"Nothing gives keys for the storage; set {self._section}.access-key and .secret-key, AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY in the environment, AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, or give this machine a role"
        )


class RoleProvider(AssumeRoleProvider):
    """Takes a role for as many seconds as is set: the SDK asks for an hour at least."""

    def __init__(self, seconds: int, **given: Any) -> None:
        super().__init__(**given)
        self._body = re.sub(r"(?<=DurationSeconds=)\d+", str(seconds), self._body)
        self._content_sha256 = sha256_hash(self._body)


class FormPool(PoolManager):
    """A pool that sends the query of a POST as a form: STS takes both, and a form is in nobody's log."""

    # the library's own override breaks with its parent in the same way
    def urlopen(self, method: str, url: str, redirect: bool = True, **kw: object) -> BaseHTTPResponse:  # type: ignore[override]  # noqa: FBT001, FBT002
        """Send a request; without an answer it is sent again, some times."""
        query = urlsplit(url).query
        if method == "POST" and query and not kw.get("body"):
            kw |= {"body": query, "headers": {"Content-Type": _FORM}}
            url = url.removesuffix(f"?{query}")
        # without the library's own retries, which are logged
        for _ in range(_TRIES - 1):
            try:
                return super().urlopen(method, url, redirect, retries=False, **kw)
            except HTTPError:
                continue
        return super().urlopen(method, url, redirect, retries=False, **kw)


def _pool() -> PoolManager:
    return FormPool(timeout=Timeout(connect=_SECONDS, read=_SECONDS))


def _machine(settings: BucketSettings) -> Provider:
    """Web identity, ECS or EC2, by the variables that these platforms set."""
    return IamAwsProvider(http_client=_pool(), region=settings.region)


def _role_provider(settings: S3Settings, section: str) -> Provider | None:
    if settings.sts_role_arn is None:
        return None
    seconds = int(settings.sts_role_session_duration.total_seconds())
    endpoint = settings.sts_endpoint_override or _sts_address(settings.region)
    file = (
        os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        if settings.sts_web_identity_token_file is None
        else settings.sts_web_identity_token_file
    )
    if settings.access_key is not None and settings.secret_key is not None:
        return RoleProvider(
            seconds,
            sts_endpoint=endpoint,
            access_key=settings.access_key.get_secret_value(),
            secret_key=settings.secret_key.get_secret_value(),
            region=settings.region or "us-east-1",
            role_arn=settings.sts_role_arn,
            role_session_name=settings.sts_role_session_name,
            external_id=settings.sts_role_external_id,
            http_client=_pool(),
        )
    if file is None:
        raise Invalid(
            f"{section}.sts-role-arn needs somebody who takes the role: set {section}.access-key and .secret-key, or "
            f"{section}.sts-web-identity-token-file"
        )
    return WebIdentityProvider(
        jwt_provider_func=lambda: {"access_token": _token(str(file), section)},
        sts_endpoint=endpoint,
        duration_seconds=seconds,
        role_arn=settings.sts_role_arn,
        role_session_name=settings.sts_role_session_name,
        http_client=_pool(),
    )


def _token(file: str, section: str) -> str:
    try:
        with open(file, encoding="utf-8") as content:  # noqa: PTH123 - read anew each time: the platform renews it
            return content.read().strip()
    except OSError as error:
        raise Invalid(f"{section}.sts-web-identity-token-file: {file} cannot be read ({error.strerror})") from None


def _sts_address(region: str | None) -> str:
    if region is None:
        return "https://sts.amazonaws.com"
    return f"https://sts.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
