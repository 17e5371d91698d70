"""How to reach the log: addresses, credentials and the names that topics have there."""

import ssl
from dataclasses import dataclass
from typing import Any

from govault.errors import Config
from schemas.topics import Topic

REQUEST_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Connection:
    """One log, as every client of this node reaches it.

    Attributes:
        bootstrap: ``host:port``, several separated by commas.
        prefix: In front of every topic's name, with a dot.
        username: SASL user; empty: no SASL.
        password: SASL password. Never logged.
        mechanism: ``PLAIN``, ``SCRAM-SHA-256`` or ``SCRAM-SHA-512``.
        tls: A client context; None: plaintext.
        replicated: Whether topics need three copies, two in sync (Apache Kafka with many brokers).
    """

    bootstrap: str
    prefix: str = "govault"
    username: str = ""
    password: str = ""
    mechanism: str = "PLAIN"
    tls: ssl.SSLContext | None = None
    replicated: bool = False

    def __post_init__(self) -> None:
        for server in self.servers():
            host, _, port = server.rpartition(":")
            if not host or not port.isdigit():
                raise Config(f"log address {server!r} is not host:port; correct `log.bootstrap_servers`")

    def __repr__(self) -> str:
        return f"Connection({self.bootstrap!r}, prefix={self.prefix!r}, username={self.username!r})"

    def servers(self) -> list[str]:
        """Each ``host:port``."""
        return [server.strip() for server in self.bootstrap.split(",") if server.strip()]

    def topic_name(self, topic: Topic) -> str:
        """The topic's name in the log."""
        return f"{self.prefix}.{topic.value}"

    def topic_of(self, name: str) -> Topic | None:
        """The topic of a name in the log, or None where it is not one of this vault's."""
        return next((topic for topic in Topic if self.topic_name(topic) == name), None)

    def client_settings(self, client_id: str) -> dict[str, Any]:
        """Arguments that every aiokafka client takes."""
        settings: dict[str, Any] = {
            "bootstrap_servers": self.servers(),
            "client_id": client_id,
            "request_timeout_ms": int(REQUEST_TIMEOUT_S * 1000),
            "security_protocol": self.security_protocol(),
        }
        if self.username:
            settings |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        if self.tls is not None:
            settings["ssl_context"] = self.tls
        return settings

    def security_protocol(self) -> str:
        """Kafka's word for what is on the wire."""
        if self.username:
            return "SASL_SSL" if self.tls else "SASL_PLAINTEXT"
        return "SSL" if self.tls else "PLAINTEXT"
