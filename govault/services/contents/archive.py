"""Archives: a folder as one streamed ZIP, with its links, times, executable bits and empty folders."""

import asyncio
import stat
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from isal import isal_zlib

from govault.domain.actor import Actor
from govault.domain.rows import DirectoryRow, FileRow
from govault.errors import Conflict, NotFound, TooLarge
from govault.limits import ARCHIVE_ENTRIES_MAX, SCAN_YIELD_ROWS
from govault.ports import Views
from govault.services.contents.downloads import Downloads, Opened
from govault.services.contents.zip_format import (
    DEFLATED,
    STORED,
    Member,
    Written,
    descriptor,
    directory_entry,
    end_of_directory,
    local_header,
    whole_header,
)
from govault.services.namespace.targets import ByPath, Targets
from govault.services.namespace.walk import Found, walk

_WHOLE_BYTES_MAX = 256 * 1024
_FLUSH_BYTES = 128 * 1024
_DEFLATE_LEVEL = 1
_RAW_DEFLATE = -15
_PACKED_ALREADY = ("image/", "video/", "audio/", "font/woff")
_PACKED_TYPES = frozenset(
    {"application/zip", "application/gzip", "application/zstd", "application/x-xz", "application/x-7z-compressed"}
)


@dataclass(slots=True)
class _Directory:
    """The central directory as it grows."""

    entries: int = 0
    records: bytearray = field(default_factory=bytearray)
    offset: int = 0

    def add(self, written: Written, end: int) -> None:
        self.records += directory_entry(written)
        self.entries += 1
        self.offset = end


@dataclass(frozen=True, slots=True)
class Archives:
    """Packs folders while they are sent; nothing is stored for it."""

    views: Views
    targets: Targets
    downloads: Downloads

    def open(self, actor: Actor, space: str, path: str) -> tuple[DirectoryRow, str, str]:
        """The space, the id of the folder (the space's for its top), and the archive's name.

        Raises:
            NotFound: No such folder.
            Conflict: It is a file.
        """
        if not path:
            row = self.targets.space_for(actor, space)
            return row, row.space_id, f"{space}.zip"
        located = self.targets.find(actor, ByPath(space, path))
        folder = located.entity
        if isinstance(folder, FileRow):
            raise Conflict("it is a file, not a folder", code="conflict.not-a-folder", id=folder.entity_id)
        return located.space, folder.entity_id, f"{folder.name}.zip"

    async def zip(self, space: DirectoryRow, folder_id: str) -> AsyncGenerator[bytes]:
        """The archive's bytes. Paths are relative to the folder.

        Raises:
            TooLarge: It has more than ARCHIVE_ENTRIES_MAX entries (before the entry too many).
            NotFound: It was purged meanwhile; the archive must not be completed then.
            Storage: A chunk cannot be served; the archive must not be completed then.
        """
        directory = _Directory()
        buffer = bytearray()
        for count, found in enumerate(walk(self.views, space.space_id, folder_id)):
            if count >= ARCHIVE_ENTRIES_MAX:
                raise TooLarge(f"the folder has more than {ARCHIVE_ENTRIES_MAX} entries; archive parts of it")
            if count % SCAN_YIELD_ROWS == 0:
                await asyncio.sleep(0)
            pieces = self._member(space, found, directory)
            async with aclosing(pieces):
                async for piece in pieces:
                    buffer += piece
                    if len(buffer) >= _FLUSH_BYTES:
                        yield bytes(buffer)
                        buffer.clear()
        if folder_id != space.space_id and self.views.entity(folder_id) is None:
            # What was purged before the walk came to it is missing, and nothing in the archive would tell.
            raise NotFound("the folder was purged while it was packed", code="not-found.entity-unknown")
        begin = directory.offset
        buffer += directory.records
        buffer += end_of_directory(directory.entries, len(directory.records), begin)
        yield bytes(buffer)

    async def _member(self, space: DirectoryRow, found: Found, directory: _Directory) -> AsyncGenerator[bytes]:
        row = found.row
        if not isinstance(row, FileRow):
            member = Member(f"{found.path}/".encode(), stat.S_IFDIR | 0o755, row.modified_ms // 1000, 0)
            yield self._whole(member, b"", False, directory)
            return
        opened = Opened(space, row, row.current, found.path)
        member = _file_member(found.path, opened)
        body = self.downloads.read(opened, 0, member.size_bytes)
        async with aclosing(body):
            if member.size_bytes <= _WHOLE_BYTES_MAX:
                content = b"".join([data async for data in body])
                yield self._whole(member, content, _is_worth_deflating(opened), directory)
                return
            async for piece in self._streamed(member, body, directory):
                yield piece

    def _whole(self, member: Member, content: bytes, deflate: bool, directory: _Directory) -> bytes:
        crc = isal_zlib.crc32(content)
        method, packed = STORED, content
        if deflate and content:
            deflated = isal_zlib.compress(content, _DEFLATE_LEVEL, _RAW_DEFLATE)
            if len(deflated) < len(content):
                method, packed = DEFLATED, deflated
        entry = whole_header(member, method, crc, len(packed)) + packed
        begin = directory.offset
        directory.add(Written(member, method, crc, len(packed), begin, False), begin + len(entry))
        return entry

    async def _streamed(
        self, member: Member, body: AsyncGenerator[bytes], directory: _Directory
    ) -> AsyncGenerator[bytes]:
        """A large file. Always deflated: readers of streams cannot find the end of a stored one."""
        packer = isal_zlib.compressobj(_DEFLATE_LEVEL, isal_zlib.DEFLATED, _RAW_DEFLATE)
        header = local_header(member, DEFLATED)
        yield header
        crc, packed_bytes = 0, 0
        async for data in body:
            crc, packed = await asyncio.to_thread(_pack, packer, data, crc)
            packed_bytes += len(packed)
            if packed:
                yield packed
        last = packer.flush()
        packed_bytes += len(last)
        tail = descriptor(member, crc, packed_bytes)
        begin = directory.offset
        end = begin + len(header) + packed_bytes + len(tail)
        directory.add(Written(member, DEFLATED, crc, packed_bytes, begin, True), end)
        yield last + tail


def _pack(packer: "isal_zlib.Compress", data: bytes, crc: int) -> tuple[int, bytes]:
    return isal_zlib.crc32(data, crc), packer.compress(data)


def _file_member(path: str, opened: Opened) -> Member:
    content = opened.content
    mtime_s = content.committed_ms // 1000 if content.mtime_ns is None else content.mtime_ns // 1_000_000_000
    mode = stat.S_IFREG | (0o755 if content.executable else 0o644)
    if content.kind == "symlink":
        mode = stat.S_IFLNK | 0o777
    return Member(path.encode(), mode, mtime_s, content.size_bytes)


def _is_worth_deflating(opened: Opened) -> bool:
    kind = opened.content.media_type
    if opened.content.kind == "symlink" or kind in _PACKED_TYPES:
        return False
    return not kind.startswith(_PACKED_ALREADY) or kind in ("image/svg+xml", "image/bmp")
