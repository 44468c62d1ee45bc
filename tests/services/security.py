"""How a listener asks who its clients are: properties for the broker and properties for the clients."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.services.certificates import Authority

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "OAUTHBEARER": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",
}


@dataclass(frozen=True, slots=True)
class Security:
    """What the clients of a cluster have to show; nothing when all is left out.

    Attributes:
        mechanism: of SASL. OAUTHBEARER takes unsigned tokens of any principal.
        is_encrypted: TLS, with certificates of an authority of our own.
        wants_certificate: whether clients have to show a certificate too.
        user: who may come (SASL).
        password: the user's.
    """

    mechanism: Mechanism | None = None
    is_encrypted: bool = False
    wants_certificate: bool = False
    user: str = "alice"
    password: str = field(default="wonderland", repr=False)

    @property
    def protocol(self) -> str:
        """Return Kafka's name, as `SASL_SSL`."""
        channel = "SSL" if self.is_encrypted else "PLAINTEXT"
        return f"SASL_{channel}" if self.mechanism else channel

    def of_broker(self, listener: str, directory: Path) -> dict[str, str]:
        """Return the broker's properties for a listener; certificates are written to the directory."""
        return {f"listener.name.{listener.lower()}.{key}": value for key, value in {**self._login(), **self._keys(directory)}.items()}

    def of_client(self, directory: Path) -> dict[str, str]:
        """Return librdkafka's properties for a client that may come in."""
        properties = {"security.protocol": self.protocol}
        if self.mechanism == "OAUTHBEARER":
            unsigned = {"enable.sasl.oauthbearer.unsecure.jwt": "true", "sasl.oauthbearer.config": f"principal={self.user}"}
            properties |= {"sasl.mechanism": self.mechanism, **unsigned}
        elif self.mechanism:
            properties |= {"sasl.mechanism": self.mechanism, "sasl.username": self.user, "sasl.password": self.password}
        if self.is_encrypted:
            properties["ssl.ca.location"] = str(directory / "authority.pem")
        if self.wants_certificate:
            properties |= {"ssl.certificate.location": str(directory / "client.pem"), "ssl.key.location": str(directory / "client.pem")}
        return properties

    def _login(self) -> Mapping[str, str]:
        if self.mechanism is None:
            return {}
        known = {"PLAIN": f' user_{self.user}="{self.password}"', "OAUTHBEARER": ' unsecuredLoginStringClaim_sub="broker"'}
        return {
            "sasl.enabled.mechanisms": self.mechanism,
            f"{self.mechanism.lower()}.sasl.jaas.config": f"{_MODULES[self.mechanism]} required{known.get(self.mechanism, '')};",
        }

    def _keys(self, directory: Path) -> Mapping[str, str]:
        if not self.is_encrypted:
            return {}
        authority = Authority()
        (directory / "authority.pem").write_bytes(authority.certificate())
        for name in ("broker", "client"):
            (directory / f"{name}.pem").write_bytes(authority.issue(name))
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(directory / "broker.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(directory / "authority.pem"),
            "ssl.client.auth": "required" if self.wants_certificate else "none",
        }
