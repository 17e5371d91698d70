"""Reads of contents: retained versions, and the chunks of one, part by part."""

import base64
from collections.abc import Callable, Iterator, Sequence

from govault.domain.manifest import ChunkRef, unpack
from govault.domain.rows import FileRow, PartRow, VersionContent
from govault.errors import Storage
from govault.ports import PartSpan
from streams.views.generation import Generation

Serving = Callable[[], Generation]
"""The generation that serves now: a long download may outlive the one it began on."""


def version(generation: Generation, file: FileRow, number: int) -> VersionContent | None:
    """A retained version, the current one included."""
    if number == file.current.number:
        return file.current
    partition = generation.partition_of(file.space_id)
    row = None if partition is None else generation.files[partition].version(file.entity_id, number)
    return None if row is None else row.content


def chunks(serving: Serving, space_id: str, content: VersionContent) -> Iterator[ChunkRef]:
    """The chunks of a content in order; one part at a time is in memory."""
    if content.manifest:
        yield from unpack(base64.b64decode(content.manifest))
    for part_id in content.parts:
        yield from _chunks_of_part(serving(), space_id, part_id)


def spans(serving: Serving, space_id: str, content: VersionContent) -> Sequence[PartSpan]:
    """Where each part lies in the content."""
    placed: list[PartSpan] = []
    start = 0
    for part_id in content.parts:
        size_bytes = _part(serving(), space_id, part_id).size_bytes
        placed.append(PartSpan(part_id, start, size_bytes))
        start += size_bytes
    return placed


def chunks_from(serving: Serving, space_id: str, content: VersionContent, start: int) -> Iterator[tuple[int, ChunkRef]]:
    """(begin offset, chunk) from the chunk that holds byte ``start`` on."""
    at = 0
    if content.manifest:
        yield from _from(unpack(base64.b64decode(content.manifest)), at, start)
    for part_id in content.parts:
        part = _part(serving(), space_id, part_id)
        if at + part.size_bytes > start:
            yield from _from(_chunks_of_part(serving(), space_id, part_id), at, start)
        at += part.size_bytes


def _from(run: Iterator[ChunkRef], at: int, start: int) -> Iterator[tuple[int, ChunkRef]]:
    for chunk in run:
        if at + chunk.size_bytes > start:
            yield at, chunk
        at += chunk.size_bytes


def _part(generation: Generation, space_id: str, part_id: str) -> PartRow:
    partition = generation.partition_of(space_id)
    row = None if partition is None else generation.files[partition].part(space_id, part_id)
    if row is None:
        raise _missing(space_id, part_id)
    return row


def _chunks_of_part(generation: Generation, space_id: str, part_id: str) -> Iterator[ChunkRef]:
    partition = generation.partition_of(space_id)
    packed = None if partition is None else generation.files[partition].packed_part(space_id, part_id)
    if packed is None:
        raise _missing(space_id, part_id)
    return unpack(base64.b64decode(packed))


def _missing(space_id: str, part_id: str) -> Storage:
    return Storage(
        f"manifest part {part_id} of space {space_id} is not in the views; run `govault views rebuild`, and where "
        "it stays missing restore the log from a backup",
        code="storage.part-missing",
    )
