"""An authority of one's own, and the certificates that it issues for this machine."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates; whoever trusts its own certificate trusts them."""

    def __init__(self) -> None:
        """Make a key and a certificate for it."""
        self._key = generate_private_key(SECP256R1())
        self._name = _name("kestra-stream tests")
        self._certificate = self._signed(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=0))

    def certificate(self) -> bytes:
        """Return what others have to trust, as PEM."""
        return self._certificate.public_bytes(Encoding.PEM)

    def issue(self, name: str) -> bytes:
        """Return a new key and its certificate for 127.0.0.1 and localhost, as one PEM."""
        key: EllipticCurvePrivateKey = generate_private_key(SECP256R1())
        addresses = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
        certificate = self._signed(_name(name), key.public_key(), addresses)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return private + certificate.public_bytes(Encoding.PEM)

    def _signed(self, name: x509.Name, key: EllipticCurvePublicKey, extension: x509.ExtensionType) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=365)).add_extension(extension, critical=False)
        return builder.sign(self._key, SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
