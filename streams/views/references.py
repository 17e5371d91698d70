"""Reads of what holds chunks: references in any partition, and parts that nothing lists any more."""

import heapq
from collections.abc import Iterator
from itertools import islice

from govault.domain.space_rows import SpaceReplicasRow
from streams.views import keys
from streams.views.generation import Generation


def chunk_referenced(generation: Generation, chunk_id: bytes) -> bool:
    """Whether any partition's state holds the chunk."""
    return next(generation.find(keys.CHUNK + chunk_id), None) is not None


def referenced_chunks(generation: Generation, after: bytes, limit: int) -> list[bytes]:
    """Chunk ids with references, ascending and each once."""
    ids: list[bytes] = []
    for chunk_id in heapq.merge(
        *(_chunk_ids(generation, partition, after) for partition in range(len(generation.files)))
    ):
        if not ids or ids[-1] != chunk_id:
            if len(ids) == limit:
                break
            ids.append(chunk_id)
    return ids


def _chunk_ids(generation: Generation, partition: int, after: bytes) -> Iterator[bytes]:
    family = generation.prefixes[partition] + keys.CHUNK
    start = family + after + b"\0" if after else family
    return (key[len(family) :] for key in generation.database(partition).keys(start, keys.prefix_end(family)))


def asked(generation: Generation, space_id: str) -> SpaceReplicasRow | None:
    """What a space asks of replication."""
    partition = generation.partition_of(space_id)
    return None if partition is None else generation.files[partition].space_replicas(space_id)


class AskedReplicas:
    """What the spaces of each partition ask of replication, read once until a space changes."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[int | None, ...]] = {}
        self._any: bool | None = None
        self._by_space: frozenset[tuple[str, int]] | None = None

    def forget(self) -> None:
        """Spaces have changed."""
        self._asked.clear()
        self._any = None
        self._by_space = None

    def any(self, generation: Generation) -> bool:
        """Whether any space asks something, be it of the write quorum only."""
        if self._any is None:
            rows = (asked(generation, space.space_id) for space in generation.directory.spaces())
            self._any = any(row is not None and (row.replicas or row.write_quorum) for row in rows)
        return self._any

    def by_space(self, generation: Generation) -> frozenset[tuple[str, int]]:
        """(space id, replicas) of those that ask for a number."""
        if self._by_space is None:
            rows = (asked(generation, space.space_id) for space in generation.directory.spaces())
            self._by_space = frozenset((row.space_id, row.replicas) for row in rows if row is not None and row.replicas)
        return self._by_space

    def of(self, generation: Generation, chunk_id: bytes, default: int) -> int:
        """The most that any partition with the chunk asks; ``default`` for spaces that ask nothing, and for none."""
        wanted = 0
        for partition in range(len(generation.files)):
            if generation.database(partition).get(generation.prefixes[partition] + keys.CHUNK + chunk_id) is not None:
                wishes = self._asked.get(partition)
                if wishes is None:
                    wishes = self._asked[partition] = _asked(generation, partition)
                wanted = max([wanted, *(default if one is None else one for one in wishes)])
        return wanted or default


def _asked(generation: Generation, partition: int) -> tuple[int | None, ...]:
    rows = generation.files[partition]
    found = set()
    for space in generation.directory.spaces():
        if space.partition == partition:
            asks = rows.space_replicas(space.space_id)
            found.add(None if asks is None else asks.replicas)
    return tuple(found)


def idle_parts(generation: Generation, partition: int, epoch_max: int, limit: int) -> list[tuple[str, str]]:
    """(space id, part id) of parts without references, idle since ``epoch_max`` or before; the longest idle first."""
    if epoch_max < 0:
        return []
    family = generation.prefixes[partition] + keys.IDLE_INDEX
    found = generation.database(partition).keys(family, family + (epoch_max + 1).to_bytes(8, "big"))
    parts: list[tuple[str, str]] = []
    for key in islice(found, limit):
        space_id, _, part_id = key[len(family) + 8 :].decode().partition("\0")
        parts.append((space_id, part_id))
    return parts
