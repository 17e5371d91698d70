"""What an upload is asked to do and what came of it: the terms that every way in shares."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from govault.domain.position import Outcome, Verdict
from govault.domain.rows import DirectoryRow
from govault.errors import DigestMismatch
from govault.ports import Ingested
from schemas.events.files import Base, Content, VersionCommitted

Result = Literal["created", "version", "touched", "unchanged"]
DIGESTS = ("sha-256", "sha-512")
SYMLINK_MEDIA_TYPE = "inode/symlink"
NO_BYTES_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class UploadWish:
    """What a client asks for beside the bytes.

    Attributes:
        file_id: The file that gets the content, wherever it went meanwhile; None: whatever stands at the path.
        condition: ``any``, ``absent`` (If-None-Match: *) or ``match`` (If-Match: one of ``match_sha256``).
        digests: Announced digests of the whole content by name (``DIGESTS``), verified before the commit.
        announced_bytes: The content's length where the client told it.
        declared_type: The client's media type; the bytes have the first word.
        tags: None leaves those of an existing file alone; so does a description of None.
    """

    space: str
    path: str
    file_id: str | None = None
    condition: Literal["any", "absent", "match"] = "any"
    match_sha256: tuple[str, ...] = ()
    digests: Mapping[str, bytes] = field(default_factory=dict)
    announced_bytes: int | None = None
    declared_type: str = ""
    kind: Literal["file", "symlink"] = "file"
    executable: bool = False
    mtime_ns: int | None = None
    original_name: str = ""
    tags: tuple[str, ...] | None = None
    description: str | None = None


class Uploaded(NamedTuple):
    """What came of an upload.

    Attributes:
        result: ``created`` (a new file), ``version`` (a next one), ``touched`` (the bytes were there already, only
            what is said about them changed) or ``unchanged``.
        new_bytes: Plain bytes of chunks that the vault did not have; ``stored_bytes``: what those take in packs.
    """

    file_id: str
    version: int
    etag: str
    path: str
    space: str
    size_bytes: int
    media_type: str
    result: Result
    chunks: int
    new_bytes: int
    stored_bytes: int


def version_of(
    wish: UploadWish, space: DirectoryRow, content: Content, base: Base | None, new_file_id: str
) -> VersionCommitted:
    """The commit that a wish asks for, but for manifest and epoch."""
    return VersionCommitted(
        space_id=space.space_id,
        path=wish.path if wish.file_id is None else None,
        file_id=wish.file_id,
        new_file_id=new_file_id,
        base=base,
        condition=wish.condition,
        match_sha256=wish.match_sha256,
        content=content,
        epoch=0,
        original_name=wish.original_name or wish.path.rpartition("/")[2],
        tags=wish.tags,
        description=wish.description,
    )


def result_of(outcome: Outcome, base: Base | None) -> Result:
    """What a commit did, seen from the version that the writer saw before."""
    if outcome.verdict is Verdict.UNCHANGED:
        return "unchanged"
    if outcome.fact("created"):
        return "created"
    is_base = base is not None and (base.file_id, base.version) == (outcome.fact("file_id"), outcome.fact("version"))
    return "touched" if is_base else "version"


def uploaded(
    outcome: Outcome, wish: UploadWish, ingested: Ingested, media_type: str, base: Base | None = None
) -> Uploaded:
    """The answer, from what was decided and what was taken in."""
    return Uploaded(
        file_id=str(outcome.fact("file_id")),
        version=int(outcome.fact("version") or 0),
        etag=str(outcome.fact("etag")),
        path=str(outcome.fact("path") or wish.path),
        space=wish.space,
        size_bytes=ingested.size_bytes,
        media_type=media_type,
        result=result_of(outcome, base),
        chunks=ingested.chunks,
        new_bytes=ingested.new_bytes,
        stored_bytes=ingested.stored_bytes,
    )


def verify(announced: Mapping[str, bytes], sha256: bytes, sha512: bytes | None) -> None:
    """Compare announced digests with the content's.

    Raises:
        DigestMismatch: One differs.
    """
    for name, actual in (("sha-256", sha256), ("sha-512", sha512)):
        given = announced.get(name)
        if given is not None and (actual is None or not hmac.compare_digest(given, actual)):
            raise DigestMismatch(
                f"the {name} of the bytes that came is not the announced one; nothing was kept, send them again",
                digest=name,
                announced=given.hex(),
                actual=actual.hex() if actual is not None else "",
            )
