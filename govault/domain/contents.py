"""Contents inside ``apply``: is a manifest whole, and which chunks and parts a version begins or ceases to hold."""

import binascii
from struct import Struct
from typing import NamedTuple

from govault.domain.draft import Draft
from govault.domain.manifest import PACKED_CHUNK_BYTES
from govault.domain.outcomes import Refusal
from govault.domain.reasons import Reason
from govault.domain.rows import VersionContent
from govault.limits import INLINE_CHUNKS_MAX, MEDIA_TYPE_BYTES_MAX, PARTS_PER_VERSION_MAX
from schemas.events.files import Content

_CHUNK = Struct(">32sI")
_INT_MAX = 2**63
"""Rows are stored as JSON, whose integers end here."""


class Run(NamedTuple):
    """The distinct chunks of a packed run, the plain size of all of it in bytes, and how many chunks it has."""

    chunk_ids: tuple[bytes, ...]
    size_bytes: int
    length: int


def run_of(packed: str) -> Run:
    """The chunks of a packed run, base64.

    Raises:
        Refusal: It is not one.
    """
    try:
        raw = binascii.a2b_base64(packed, strict_mode=True)
    except ValueError:
        raise Refusal(Reason.EVENT_INVALID, detail="a manifest is not base64") from None
    if not raw or len(raw) % PACKED_CHUNK_BYTES:
        raise Refusal(Reason.EVENT_INVALID, detail="a manifest is not a run of packed chunks")
    if len(raw) == PACKED_CHUNK_BYTES and (size_bytes := int.from_bytes(raw[32:], "big")):
        return tuple.__new__(Run, ((raw[:32],), size_bytes, 1))
    columns = tuple(zip(*_CHUNK.iter_unpack(raw), strict=True))
    if 0 in columns[1]:
        raise Refusal(Reason.EVENT_INVALID, detail="a manifest has an empty chunk")
    # A dict keeps the order, which a set would take from the process's hash seed: changes are the same everywhere.
    return Run(tuple(dict.fromkeys(columns[0])), sum(columns[1]), len(columns[1]))


def check_content(content: Content) -> Run | None:
    """Check what needs no state, and read the inline manifest.

    Raises:
        Refusal: The content contradicts itself.
    """
    if content.size_bytes >= _INT_MAX or not -_INT_MAX <= (content.mtime_ns or 0) < _INT_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="a number is out of bounds")
    check_media_type(content.media_type)
    if content.inline_manifest:
        if content.parts:
            raise Refusal(Reason.EVENT_INVALID, detail="both an inline manifest and parts")
        run = run_of(content.inline_manifest)
        if run.size_bytes != content.size_bytes or run.length > INLINE_CHUNKS_MAX:
            raise Refusal(Reason.EVENT_INVALID, detail="the manifest does not fit the size")
        return run
    if bool(content.parts) != bool(content.size_bytes) or len(content.parts) > PARTS_PER_VERSION_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="the manifest does not fit the size")
    return None


def check_media_type(media_type: str) -> None:
    """Refuse what could not stand in a header.

    Raises:
        Refusal: It is too long, or not printable ASCII.
    """
    if len(media_type) > MEDIA_TYPE_BYTES_MAX or not (media_type.isascii() and media_type.isprintable()):
        raise Refusal(Reason.EVENT_INVALID, detail="not a media type")


def hold(draft: Draft, content: Content, run: Run | None) -> None:
    """A version with this content begins: count its chunks or parts.

    Raises:
        Refusal: A part is unknown in this space, or the parts do not fit the size.
    """
    if run is not None:
        for chunk_id in run.chunk_ids:
            draft.count_chunk(chunk_id, 1)
    if content.parts:
        sizes = {part_id: _size_of_part(draft, part_id) for part_id in content.parts}
        if sum(sizes[part_id] for part_id in content.parts) != content.size_bytes:
            raise Refusal(Reason.EVENT_INVALID, detail="the manifest does not fit the size")
        for part_id in sizes:
            draft.count_part(part_id, 1)
    draft.versions += 1
    draft.logical_bytes += content.size_bytes


def let_go(draft: Draft, content: VersionContent) -> None:
    """A version with this content ends: its chunks or parts lose a reference."""
    if content.manifest:
        for chunk_id in run_of(content.manifest).chunk_ids:
            draft.count_chunk(chunk_id, -1)
    for part_id in dict.fromkeys(content.parts):
        draft.count_part(part_id, -1)
    draft.versions -= 1
    draft.logical_bytes -= content.size_bytes


def _size_of_part(draft: Draft, part_id: str) -> int:
    row = draft.part(part_id)
    if row is None:
        raise Refusal(Reason.PARTS_MISSING, part_id=part_id)
    return row.size_bytes
