"""Reads of the tree and of contents, from the generation that serves now."""

from collections.abc import Iterator, Sequence

from govault.domain.manifest import ChunkRef
from govault.domain.rows import Entity, EntryRow, FileRow, FolderRow, OwnedRow, SharesRow, VersionContent
from govault.ports import PartSpan, SearchPage, SearchQuery
from streams.views import belongings, manifests, namespace, references
from streams.views.generation import Generation
from streams.views.search.query import search


class ServingReads:
    """What ``RocksViews`` answers without more than the generation."""

    _serving: Generation

    # --- the tree --------------------------------------------------------------------------------------------

    def entity(self, entity_id: str) -> Entity | None:
        """A file or folder of any partition."""
        return namespace.entity(self._serving, entity_id)

    def entry(self, space_id: str, parent_id: str, name: str) -> EntryRow | None:
        """The live entry of a name."""
        return namespace.entry(self._serving, space_id, parent_id, name)

    def resolve(self, space_id: str, path: str) -> Entity | None:
        """The live entity at a path."""
        return namespace.resolve(self._serving, space_id, path)

    def path_of(self, entity: Entity) -> str | None:
        """The live path of an entity."""
        return namespace.Paths(self._serving).of(entity)

    def files_with_hash(self, sha256: str, limit: int) -> list[tuple[FileRow, int]]:
        """Live files that retain a version of this content."""
        return namespace.files_with_hash(self._serving, sha256, limit)

    def list_folder(
        self, space_id: str, parent_id: str, after: str, limit: int
    ) -> list[tuple[EntryRow, FileRow | FolderRow]]:
        """Entries of a folder in key order."""
        return namespace.list_folder(self._serving, space_id, parent_id, after, limit)

    def list_trash(self, space_id: str | None, after: str, limit: int) -> list[Entity]:
        """Roots of trash, by entity id."""
        return namespace.list_trash(self._serving, space_id, after, limit)

    def share_rows(self, partition: int, after: str, limit: int) -> list[SharesRow]:
        """Links by their target's id, behind one."""
        return self._serving.files[partition].shares_after(after, limit)

    def spaces_of(self, principals: Sequence[str], limit: int) -> set[str]:
        """Spaces in which any of the principals has something."""
        return belongings.spaces_of(self._serving, principals, limit)

    def targets_of(self, space_id: str, principals: Sequence[str], limit: int) -> list[str]:
        """What the principals own or were granted in a space."""
        return belongings.targets_of(self._serving, space_id, principals, limit)

    def owned_by(self, space_id: str, account_id: str, limit: int) -> list[str]:
        """What an account owns in a space."""
        return belongings.owned_by(self._serving, space_id, account_id, limit)

    def owned(self, account_id: str) -> OwnedRow:
        """How much an account owns."""
        return belongings.owned(self._serving, account_id)

    def search(self, query: SearchQuery) -> SearchPage:
        """Files by indexed properties. For a thread: it may take tens of milliseconds."""
        generation = self._serving
        with generation.in_use():
            return search(generation, query)

    # --- contents --------------------------------------------------------------------------------------------

    def version(self, file: FileRow, number: int) -> VersionContent | None:
        """A retained version."""
        return manifests.version(self._serving, file, number)

    def manifest(self, space_id: str, content: VersionContent) -> Iterator[ChunkRef]:
        """The chunks of a content, in order."""
        return manifests.chunks(lambda: self._serving, space_id, content)

    def part_spans(self, space_id: str, content: VersionContent) -> Sequence[PartSpan]:
        """Where each part begins."""
        return manifests.spans(lambda: self._serving, space_id, content)

    def manifest_from(self, space_id: str, content: VersionContent, start: int) -> Iterator[tuple[int, ChunkRef]]:
        """(begin offset, chunk) from the chunk that holds byte ``start`` on."""
        return manifests.chunks_from(lambda: self._serving, space_id, content, start)

    def chunk_referenced(self, chunk_id: bytes) -> bool:
        """Whether any partition's state holds the chunk."""
        return references.chunk_referenced(self._serving, chunk_id)

    def referenced_chunks(self, after: bytes, limit: int) -> list[bytes]:
        """Chunk ids with references, ascending."""
        return references.referenced_chunks(self._serving, after, limit)

    def idle_parts(self, partition: int, epoch_max: int, limit: int) -> list[tuple[str, str]]:
        """Parts without references."""
        return references.idle_parts(self._serving, partition, epoch_max, limit)
