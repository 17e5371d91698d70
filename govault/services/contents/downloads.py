"""Downloads: which content a request means, and its bytes from any offset on, verified as they are read."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from govault.domain.actor import Actor
from govault.domain.manifest import ChunkRef
from govault.domain.references import HashReference, parse_id_or_hash
from govault.domain.rows import DirectoryRow, FileRow, VersionContent
from govault.errors import ChunkDamaged, NotFound
from govault.ports import ChunkStore, Outlet, StraightReads, Views
from govault.services.namespace.targets import ByPath, ByRef, Targets


class Opened(NamedTuple):
    """A content to be sent.

    Attributes:
        path: The file's path now.
        by_hash: Named by its hash: what it names never changes.
    """

    space: DirectoryRow
    file: FileRow
    content: VersionContent
    path: str
    by_hash: bool = False

    @property
    def media_type(self) -> str:
        """What people set for the file, else what the version was found to be."""
        return self.file.media_type or self.content.media_type


@dataclass(frozen=True, slots=True)
class Downloads:
    """Finds and reads contents."""

    views: Views
    targets: Targets
    store: ChunkStore
    straight: StraightReads | None = None
    """The short way of what lies in this node's store, where there is one."""

    def open_at(self, actor: Actor, space: str, path: str, version: int | None) -> Opened:
        """The content at a path.

        Raises:
            NotFound: No such file or version.
            Conflict: It is a folder.
        """
        located, file = self.targets.file(actor, ByPath(space, path))
        return Opened(located.space, file, self._version(file, version), located.path)

    def open_ref(self, actor: Actor, ref: str, version: int | None) -> Opened:
        """The content that an id (``f_…``, ``f_…@N``) or a hash names; a hash names any retained version with it.

        Raises:
            NotFound: No such file or version, or none that lives.
            Conflict: It is a folder.
        """
        reference = parse_id_or_hash(ref)
        if isinstance(reference, HashReference) and version is None:
            return self._open_hash(actor, reference.sha256)
        if isinstance(reference, HashReference):
            target = ByRef(reference.sha256)
        else:
            target = ByRef(reference.entity_id)
            version = reference.version if version is None else version
        located, file = self.targets.file(actor, target)
        return Opened(located.space, file, self._version(file, version), located.path)

    async def read(self, opened: Opened, start: int, stop: int) -> AsyncGenerator[bytes]:
        """The bytes from ``start`` up to ``stop``, chunk by chunk.

        Raises:
            ChunkMissing, ChunkDamaged: A chunk cannot be served; what came before is right.
        """
        wanted = self._chunks(opened, start, stop)
        first = next(wanted, None)
        if first is None:
            return
        begin, chunk = first
        position = begin
        if begin + chunk.size_bytes >= stop:
            data = await self.store.read(chunk)
            yield _checked(data, chunk)[start - begin : stop - begin]
            return
        run = self.store.read_run(_refs(first, wanted))
        try:
            async for data in run:
                end = position + len(data)
                if position < start or end > stop:
                    yield data[max(start - position, 0) : stop - position]
                else:
                    yield data
                position = end
        finally:
            # An abandoned download must not leave its read-ahead running until the garbage collector comes.
            if (close := getattr(run, "aclose", None)) is not None:
                await close()
        if position < stop:
            raise ChunkDamaged(f"the manifest of {opened.content.sha256} ends at byte {position}, before {stop}")

    async def first(self, opened: Opened, start: int, stop: int) -> bytes:
        """What the first chunk has of these bytes; the rest is for ``pour`` and ``read``.

        Raises:
            ChunkMissing, ChunkDamaged: It cannot be served.
        """
        for begin, chunk in self._chunks(opened, start, stop):
            return _checked(await self.store.read(chunk), chunk)[start - begin : stop - begin]
        return b""

    async def pour(self, opened: Opened, start: int, stop: int, outlet: Outlet) -> int:
        """Hand the bytes from ``start`` on to an outlet, verified; how many it took. ``read`` has or refuses the rest.

        Raises:
            Exception: What the outlet raises.
        """
        wanted = self._chunks(opened, start, stop)
        first = next(wanted, None)
        if first is None or self.straight is None:
            return 0
        return await self.straight.pour(_refs(first, wanted), start - first[0], stop - start, outlet)

    def _chunks(self, opened: Opened, start: int, stop: int) -> Iterator[tuple[int, ChunkRef]]:
        if start >= stop:
            return
        for begin, chunk in self.views.manifest_from(opened.space.space_id, opened.content, start):
            if begin >= stop:
                return
            yield begin, chunk

    def _open_hash(self, actor: Actor, sha256: str) -> Opened:
        for file, number in self.targets.files_with(actor, sha256, 1):
            space, content = self.views.space(file.space_id), self.views.version(file, number)
            path = self.views.path_of(file)
            if space is not None and content is not None and path is not None:
                return Opened(space, file, content, path, by_hash=True)
        raise NotFound(f"no file that you may read has the content {sha256}", code="not-found.content")

    def _version(self, file: FileRow, number: int | None) -> VersionContent:
        if number is None or number == file.current.number:
            return file.current
        content = self.views.version(file, number)
        if content is None:
            raise NotFound(
                f"the file {file.entity_id} has no version {number}", code="not-found.version-unknown", version=number
            )
        return content


def _refs(first: tuple[int, ChunkRef], others: Iterator[tuple[int, ChunkRef]]) -> Iterator[ChunkRef]:
    yield first[1]
    for _, chunk in others:
        yield chunk


def _checked(data: bytes, chunk: ChunkRef) -> bytes:
    if len(data) != chunk.size_bytes:
        raise ChunkDamaged(f"a chunk has {len(data)} bytes where the manifest says {chunk.size_bytes}")
    return data
