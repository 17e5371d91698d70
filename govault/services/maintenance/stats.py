"""Figures of the vault: what is kept, what it takes, what deduplication and compression save."""

from dataclasses import dataclass

from govault.ports import ChunkStore, StoreStats, Views


@dataclass(frozen=True, slots=True)
class SpaceStats:
    """One space. Trash counts until it is purged.

    Attributes:
        logical_bytes: Sizes of all retained versions, added up.
    """

    space: str
    space_id: str
    files: int
    folders: int
    versions: int
    logical_bytes: int


@dataclass(frozen=True, slots=True)
class VaultStats:
    """All spaces, and this node's store.

    Attributes:
        unique_bytes: Plaintext of all chunks in the store, each once.
        stored_bytes: What those take in packs.
        dedup_ratio: Logical over unique bytes; None while nothing is stored.
        compression_ratio: Unique over stored bytes; None while nothing is stored.
    """

    spaces: tuple[SpaceStats, ...]
    files: int
    folders: int
    versions: int
    logical_bytes: int
    unique_bytes: int
    stored_bytes: int
    dedup_ratio: float | None
    compression_ratio: float | None
    store: StoreStats


class Stats:
    """Adds up what the views and the store count anyway; nothing is scanned."""

    def __init__(self, views: Views, store: ChunkStore) -> None:
        self._views = views
        self._store = store

    async def vault(self) -> VaultStats:
        """The whole vault."""
        spaces = tuple(self._space(row.space_id, row.name) for row in self._views.spaces())
        store = await self._store.stats()
        logical_bytes = sum(space.logical_bytes for space in spaces)
        return VaultStats(
            spaces=spaces,
            files=sum(space.files for space in spaces),
            folders=sum(space.folders for space in spaces),
            versions=sum(space.versions for space in spaces),
            logical_bytes=logical_bytes,
            unique_bytes=store.plain_bytes,
            stored_bytes=store.stored_bytes,
            dedup_ratio=_ratio(logical_bytes, store.plain_bytes),
            compression_ratio=_ratio(store.plain_bytes, store.stored_bytes),
            store=store,
        )

    def _space(self, space_id: str, name: str) -> SpaceStats:
        totals = self._views.totals(space_id)
        return SpaceStats(name, space_id, totals.files, totals.folders, totals.versions, totals.logical_bytes)


def _ratio(whole: int, part: int) -> float | None:
    return round(whole / part, 4) if part else None
