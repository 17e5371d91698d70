"""Digest fields (RFC 9530): ``Content-Digest`` and ``Repr-Digest``, for sha-256 and sha-512."""

import base64
import binascii
import re

from api.raw import RawRequest
from govault.errors import DigestMismatch
from govault.services.contents.upload_terms import DIGESTS

_MEMBER = re.compile(r"[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):(?:;[^,]*)?[ \t]*")
_SIZES = {"sha-256": 32, "sha-512": 64}


def announced_digests(request: RawRequest) -> dict[str, bytes]:
    """The digests that a request announces for its content. Algorithms we do not know are ignored, as the RFC asks.

    Raises:
        DigestMismatch: A field is malformed, or the two fields contradict each other.
    """
    found: dict[str, bytes] = {}
    for field in (b"content-digest", b"repr-digest"):
        value = request.joined(field)
        if value is None:
            continue
        for member in value.split(","):
            name, digest = _parse(member, field.decode())
            if name not in DIGESTS:
                continue
            if len(digest) != _SIZES[name]:
                raise _malformed(field.decode())
            if found.setdefault(name, digest) != digest:
                raise DigestMismatch(f"the request announces two different {name} digests", digest=name)
    return found


def repr_digest(sha256: str) -> bytes:
    """The ``Repr-Digest`` of a content."""
    return b"sha-256=:" + base64.b64encode(bytes.fromhex(sha256)) + b":"


def _parse(member: str, field: str) -> tuple[str, bytes]:
    found = _MEMBER.fullmatch(member)
    if found is None:
        raise _malformed(field)
    try:
        return found[1], base64.b64decode(found[2], validate=True)
    except binascii.Error as error:
        raise _malformed(field) from error


def _malformed(field: str) -> DigestMismatch:
    return DigestMismatch(
        f"{field} must look like sha-256=:<base64>: (RFC 9530); nothing was kept", code="digest-mismatch.malformed"
    )
