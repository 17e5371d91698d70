"""Who is at the other end: certificates of a vault's own authority, pinned to node ids.

The authority's key is derived from the root secret, so that every node of the vault makes its own certificate and
verifies everybody's. That alone lets nobody in: after the handshake the key in the certificate must hash to the id of a
node that belongs to the vault now. Times in the certificates say nothing, because clocks decide nothing.
"""

import datetime
import hashlib
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from govault.errors import Authentication

_FROM = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_UNTIL = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)
_AUTHORITY = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "govault peers")])


@dataclass(frozen=True)
class PeerContexts:
    """TLS of one node.

    Attributes:
        server: Asks for a certificate; without one only joining is possible.
        client: Shows ours, and takes servers of this vault only.
    """

    server: ssl.SSLContext
    client: ssl.SSLContext


def make_contexts(node_key: Ed25519PrivateKey, authority_seed: bytes) -> PeerContexts:
    """Contexts for a node. Blocks for a temporary file: load them off the loop.

    Args:
        authority_seed: 32 bytes derived from the root secret.
    """
    authority_key = Ed25519PrivateKey.from_private_bytes(authority_seed)
    authority = _certificate(_AUTHORITY, authority_key.public_key(), authority_key, authority=True)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, id_of_key(node_key.public_key()))])
    own = _certificate(name, node_key.public_key(), authority_key, authority=False)
    pem = node_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + own.public_bytes(Encoding.PEM)
    trusted = authority.public_bytes(Encoding.PEM).decode()
    contexts = PeerContexts(_context(ssl.PROTOCOL_TLS_SERVER), _context(ssl.PROTOCOL_TLS_CLIENT))
    contexts.server.verify_mode = ssl.CERT_OPTIONAL
    contexts.client.verify_mode = ssl.CERT_REQUIRED
    # No session is taken up again: each connection proves anew who is there.
    contexts.server.num_tickets = 0
    # ssl takes a key from a file only.
    with tempfile.TemporaryDirectory(prefix="govault-peer-") as folder:
        path = Path(folder) / "peer.pem"
        path.touch(mode=0o600)
        path.write_bytes(pem)
        for context in (contexts.server, contexts.client):
            context.load_verify_locations(cadata=trusted)
            context.load_cert_chain(path)
    return contexts


def joining_context() -> ssl.SSLContext:
    """For a node that does not know the vault's authority yet: whom it reaches is known by the pin alone."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_NONE
    return context


def id_at_other_end(connection: ssl.SSLObject | None) -> str | None:
    """The node id of the certificate that the other end showed and proved to own; None where it showed none.

    Raises:
        Authentication: It is not a certificate of an Ed25519 key.
    """
    shown = None if connection is None else connection.getpeercert(binary_form=True)
    if not shown:
        return None
    try:
        key = x509.load_der_x509_certificate(shown).public_key()
    except ValueError as error:
        raise Authentication("the other end's certificate cannot be read") from error
    if not isinstance(key, Ed25519PublicKey):
        raise Authentication("the other end's certificate is not of an Ed25519 key")
    return id_of_key(key)


def id_of_key(key: Ed25519PublicKey) -> str:
    """The id of the node with this key: the SHA-256 of the raw public key, hex."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    return context


def _certificate(
    subject: x509.Name, key: Ed25519PublicKey, signer: Ed25519PrivateKey, *, authority: bool
) -> x509.Certificate:
    signer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_AUTHORITY)
        .public_key(key)
        .serial_number(int.from_bytes(hashlib.sha256(subject.public_bytes()).digest()[:16], "big") >> 1)
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(signer_id, critical=False)
        .sign(signer, None)
    )
