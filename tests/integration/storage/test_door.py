"""Opening a storage: what is wrong with the settings is said at once, and no secret is ever told."""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kestra_stream.errors import Invalid, KestraError, Unavailable
from kestra_stream.storage.s3 import open_minio, open_s3
from tests.integration.storage.fault_proxy import proxy
from tests.integration.storage.settings import HASTY, minio_settings, s3_settings
from tests.services.ports import Ports
from tests.services.s3 import S3

SECRET = "a-very-secret-key-indeed"
TOKEN = "header.a-very-secret-token.signature"


def refused(s3: S3, bucket: str, **others: object) -> str:
    """Open in vain; return what is said."""
    with pytest.raises((Invalid, Unavailable)) as failed:
        open_minio(minio_settings(s3, bucket, **others), HASTY)
    return f"{type(failed.value).__name__}: {failed.value}"


def test_nobody_answers(s3: S3) -> None:
    ports = Ports(1)
    said = refused(replace(s3, url=f"http://127.0.0.1:{ports.numbers[0]}"), "bucket")
    ports.release()
    assert "Unavailable" in said
    assert "does not take connections" in said
    assert "kestra.storage.minio.endpoint and .port and .secure" in said


def test_a_host_that_does_not_exist(s3: S3) -> None:
    said = refused(replace(s3, url="http://there-is-no-such-host.invalid:9000"), "bucket")
    assert "The name of the storage at http://there-is-no-such-host.invalid:9000 is not known" in said


@pytest.mark.parametrize("wrong", [{"access_key": "somebody"}, {"secret_key": SECRET}])
def test_wrong_keys(s3: S3, bucket: str, wrong: dict[str, str]) -> None:
    said = refused(s3, bucket, **wrong)
    assert "kestra.storage.minio.access-key and .secret-key" in said
    assert SECRET not in said


def test_a_bucket_that_is_not_there_is_made_when_the_settings_say_so(s3: S3) -> None:
    name = f"test-{uuid4().hex[:12]}"
    said = refused(s3, name, create_bucket=False)
    assert f"The bucket {name} is not there" in said
    assert "kestra.storage.minio.create-bucket" in said
    storage = open_minio(minio_settings(s3, name))
    storage.put("main", "kestra:///a", b"")
    storage.delete("main", "kestra:///a")
    s3.client().remove_bucket(name)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"bucket": None}, "kestra.storage.minio.bucket is not set"),
        ({"bucket": "Not A Bucket"}, "kestra.storage.minio.bucket"),
        ({"endpoint": None}, "kestra.storage.minio.endpoint is not set"),
        ({"endpoint": "http://host/path"}, "kestra.storage.minio.endpoint must be a host"),
        ({"endpoint": "ftp://host"}, "kestra.storage.minio.endpoint must be a host"),
        ({"secret_key": None}, "kestra.storage.minio.secret-key is missing"),
        ({"access_key": None}, "kestra.storage.minio.access-key is missing"),
        ({"ca_file": "/not/there.pem"}, "kestra.storage.minio.ca-file: /not/there.pem"),
        ({"proxy": "no proxy at all"}, "kestra.storage.minio.proxy"),
        ({"region": "no region"}, "kestra.storage.minio.endpoint and .region"),
    ],
)
def test_settings_that_are_wrong_by_themselves(s3: S3, others: dict[str, object], said: str) -> None:
    with pytest.raises(Invalid, match=said.replace(".", r"\.")) as failed:
        open_minio(minio_settings(s3, "bucket", **others), HASTY)
    assert s3.secret_key not in str(failed.value)


def test_nothing_shows_a_secret(s3: S3, bucket: str) -> None:
    settings = s3_settings(s3, bucket, session_token=TOKEN, secret_key=SECRET, proxy="http://me:password@proxy:3128")
    assert not {word for word in (SECRET, TOKEN, "password") if word in f"{settings!r} {settings}"}
    storage = open_minio(minio_settings(s3, bucket))
    assert s3.secret_key not in repr(storage)
    assert s3.access_key not in repr(storage)


def authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for this machine that only its own file trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "ca.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


def test_a_certificate_is_trusted_by_its_file_or_not_at_all(s3: S3, bucket: str, tmp_path: Path) -> None:
    """One that nobody has signed is refused at once, with the setting that would trust it."""
    ca_file, context = authority(tmp_path)
    with proxy(s3.url, context) as between:
        tls = replace(s3, url=between.url)
        said = refused(tls, bucket)
        assert "is not accepted (certificate verify failed" in said
        assert "kestra.storage.minio.ca-file" in said
        for trusting in ({"ca_file": ca_file}, {"verify_tls": False}):
            storage = open_minio(minio_settings(tls, bucket, **trusting), HASTY)
            storage.put("main", "kestra:///a", b"hello")
            with storage.get("main", "kestra:///a") as file:
                assert file.read() == b"hello"


def test_a_proxy_is_used_and_named_when_it_does_not_answer(s3: S3, bucket: str) -> None:
    ports = Ports(1)
    said = refused(s3, bucket, proxy=f"http://me:password@127.0.0.1:{ports.numbers[0]}")
    ports.release()
    assert "Unavailable" in said
    assert "kestra.storage.minio.proxy" in said
    assert "password" not in said


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment without any credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "MINIO_ACCESS_KEY", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/")
    return monkeypatch


def test_keys_come_from_the_environment(s3: S3, bucket: str, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AWS_ACCESS_KEY_ID", s3.access_key)
    bare.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_key)
    open_s3(s3_settings(s3, bucket, access_key=None, secret_key=None)).put("main", "kestra:///a", b"")


def test_keys_come_from_a_file_of_credentials(s3: S3, bucket: str, bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = f"[default]\naws_access_key_id = {s3.access_key}\naws_secret_access_key = {s3.secret_key}\n"
    (tmp_path / "credentials").write_text(text, encoding="utf-8")
    open_s3(s3_settings(s3, bucket, access_key=None, secret_key=None)).put("main", "kestra:///a", b"")


def test_without_any_keys_all_ways_to_give_them_are_named(s3: S3, bucket: str, bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(KestraError) as failed:
        open_s3(s3_settings(s3, bucket, access_key=None, secret_key=None), HASTY)
    for way in ("kestra.storage.s3.access-key", "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "a role"):
        assert way in str(failed.value)


@contextmanager
def giving(status: int, kind: str, body: str) -> Iterator[tuple[str, list[str]]]:
    """Serve one answer to whatever is asked; yield the address, and the first lines with the bodies of the requests."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_any(self) -> None:
            asked.append(self.requestline)
            asked.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
            self.send_response_only(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_any  # noqa: N815 - names that the library looks for

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def web_identity(s3: S3) -> str:
    until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return (
        '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>'
        f"<AccessKeyId>{s3.access_key}</AccessKeyId><SecretAccessKey>{s3.secret_key}</SecretAccessKey>"
        f"<SessionToken></SessionToken><Expiration>{until}</Expiration>"
        "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )


def with_role(s3: S3, bucket: str, address: str, folder: Path) -> object:
    token = folder / "token"
    token.write_text(TOKEN, encoding="utf-8")
    return open_s3(
        s3_settings(
            s3,
            bucket,
            access_key=None,
            secret_key=None,
            sts_role_arn="arn:aws:iam::1:role/kestra",
            sts_endpoint_override=address,
            sts_web_identity_token_file=token,
        ),
        HASTY,
    )


def test_a_web_identity_takes_a_role_and_its_token_is_in_no_address(
    s3: S3, bucket: str, bare: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with giving(200, "text/xml", web_identity(s3)) as (address, asked):
        with_role(s3, bucket, address, tmp_path)
    assert asked[0] == "POST / HTTP/1.1"
    assert f"WebIdentityToken={TOKEN}" in asked[1]
    assert "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fkestra" in asked[1]
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(("status", "said"), [(403, "refuses to"), (500, "refuses to")])
def test_a_role_that_is_not_given_is_told_without_the_token(
    s3: S3, bucket: str, bare: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int, said: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with giving(status, "text/xml", "<no/>") as (address, _), pytest.raises(Unavailable, match=said) as failed:
        with_role(s3, bucket, address, tmp_path)
    assert "kestra.storage.s3.sts-endpoint-override" in str(failed.value)
    assert TOKEN not in caplog.text + str(failed.value) + repr(failed.value.__context__)


def test_a_container_has_the_keys_of_its_role(s3: S3, bucket: str, bare: pytest.MonkeyPatch) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    keys = f'{{"AccessKeyId": "{s3.access_key}", "SecretAccessKey": "{s3.secret_key}", "Token": "", "Expiration": "{until}"}}'
    with giving(200, "application/json", keys) as (address, asked):
        bare.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{address}/keys")
        open_s3(s3_settings(s3, bucket, access_key=None, secret_key=None), HASTY).put("main", "kestra:///a", b"")
    assert asked[0] == "GET /keys HTTP/1.1"
    assert len(asked) == 2
