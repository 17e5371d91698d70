"""Certificates of nodes and the TLS 1.3 contexts that peers meet with.

A node's certificate carries its Ed25519 key, so the handshake proves that it holds the key, and the key's SHA-256 is
the node id. Each node signs its own certificate with the vault's CA key, which every node derives from the root
secret: OpenSSL thereby turns away whoever is not of this vault before a byte of ours is read. It lets in, but does not
admit: whether the id belongs to an admitted node is asked after the handshake and at every call. Sessions are never
resumed and there is no early data, so nothing that was recorded can be replayed.
"""

import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from govault.ports import Clock

CERTIFICATE_LIFE = timedelta(days=30)
CLOCK_SKEW = timedelta(days=1)
_CA_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_CA_UNTIL = datetime(2120, 1, 1, tzinfo=UTC)
_CA_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "GoVault vault")])


class PeerTls:
    """The TLS contexts of one node. Its certificate is made anew in time, so a node may run for years."""

    def __init__(self, key: Ed25519PrivateKey, ca_key: bytes, clock: Clock) -> None:
        """Args:
        key: The node's.
        ca_key: 32 bytes: ``Keyring.derive("peer ca")``.
        """
        self.node_id = node_id_of(key.public_key())
        self._key = key
        self._ca = Ed25519PrivateKey.from_private_bytes(ca_key)
        self._clock = clock
        self._renew_ms = 0
        trusted = ca_certificate(self._ca).public_bytes(Encoding.PEM).decode()
        self._server = _context(ssl.PROTOCOL_TLS_SERVER)
        self._server.verify_mode = ssl.CERT_OPTIONAL
        self._server.num_tickets = 0
        self._client = _context(ssl.PROTOCOL_TLS_CLIENT)
        self._client.verify_mode = ssl.CERT_REQUIRED
        for context in (self._server, self._client):
            context.load_verify_locations(cadata=trusted)

    def server_context(self) -> ssl.SSLContext:
        """For connections that come in: those of other vaults fail; who shows no certificate may only join."""
        self._renew()
        return self._server

    def client_context(self) -> ssl.SSLContext:
        """For connections to peers of the vault."""
        self._renew()
        return self._client

    def _renew(self) -> None:
        now_ms = self._clock.time_ms()
        if now_ms < self._renew_ms:
            return
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        certificate = node_certificate(self._key.public_key(), self._ca, now - CLOCK_SKEW, now + CERTIFICATE_LIFE)
        for context in (self._server, self._client):
            load_identity(context, certificate, self._key)
        self._renew_ms = now_ms + int(CERTIFICATE_LIFE.total_seconds() * 500)


def joining_context() -> ssl.SSLContext:
    """For a node that is no member yet: it knows no CA, shows no certificate, and pins the id that its token names."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_NONE
    return context


def node_id_of(key: Ed25519PublicKey) -> str:
    """SHA-256 of the raw public key, hex."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def node_id_of_certificate(der: bytes | None) -> str | None:
    """The id of the node that proved to hold the key of a certificate; None where there is no Ed25519 certificate."""
    if der is None:
        return None
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except (ValueError, TypeError):
        return None
    return node_id_of(key) if isinstance(key, Ed25519PublicKey) else None


def ca_certificate(ca: Ed25519PrivateKey) -> x509.Certificate:
    """The vault's CA certificate: the same bytes on every node."""
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_CA_NAME)
        .issuer_name(_CA_NAME)
        .public_key(ca.public_key())
        .serial_number(1)
        .not_valid_before(_CA_FROM)
        .not_valid_after(_CA_UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(ca, None)
    )


def node_certificate(
    key: Ed25519PublicKey, ca: Ed25519PrivateKey, not_before: datetime, not_after: datetime
) -> x509.Certificate:
    """A node's certificate, signed by the vault's CA."""
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node_id_of(key))]))
        .issuer_name(_CA_NAME)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(uses, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key()), critical=False)
        .sign(ca, None)
    )


def load_identity(context: ssl.SSLContext, certificate: x509.Certificate, key: Ed25519PrivateKey) -> None:
    """Have a context show a certificate. OpenSSL takes it from a file only: one in memory, gone afterwards."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    with _short_lived_file(pem) as path:
        context.load_cert_chain(path)


@contextmanager
def _short_lived_file(content: bytes) -> Iterator[str]:
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("peer"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peer.pem"
        path.touch(mode=0o600)
        path.write_bytes(content)
        yield str(path)


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
