"""What people own or were granted, found by who they are: so that lists of it need no walk through what is hidden."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import cast

from govault.domain.rows import OwnedRow
from streams.views import keys
from streams.views.generation import Generation
from streams.views.rows_codec import decode_row


def spaces_of(generation: Generation, principals: Sequence[str], limit: int) -> set[str]:
    """Spaces in which any of the principals has something; a read for each, however much he has there."""
    return set(islice(_spaces_of(generation, principals), limit))


def targets_of(generation: Generation, space_id: str, principals: Sequence[str], limit: int) -> list[str]:
    """Ids of what the principals own or were granted in a space, the space itself included; each once."""
    found: dict[str, None] = {}
    for target_id, _ in _belongings(generation, space_id, principals):
        found[target_id] = None
        if len(found) >= limit:
            break
    return list(found)


def owned_by(generation: Generation, space_id: str, account_id: str, limit: int) -> list[str]:
    """Ids of what an account owns in a space, ascending."""
    owned = (target_id for target_id, owns in _belongings(generation, space_id, (account_id,)) if owns)
    return list(islice(owned, limit))


def owned(generation: Generation, account_id: str) -> OwnedRow:
    """What an account owns in all partitions: a read for each."""
    logical_bytes = files = 0
    for value in generation.find(keys.OWNED + account_id.encode()):
        row = cast(OwnedRow, decode_row(keys.OWNED, value))
        logical_bytes += row.logical_bytes
        files += row.files
    return OwnedRow(account_id, logical_bytes, files)


def _spaces_of(generation: Generation, principals: Sequence[str]) -> Iterator[str]:
    for partition, prefix in enumerate(generation.prefixes):
        database = generation.database(partition)
        for principal in principals:
            full = prefix + keys.principal_prefix(principal)
            start, stop = full, keys.prefix_end(full)
            while (key := next(database.keys(start, stop), None)) is not None:
                space = key[len(full) : key.index(b"\0", len(full))]
                yield space.decode()
                start = keys.prefix_end(full + space + b"\0")


def _belongings(generation: Generation, space_id: str, principals: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """(target id, whether it is owned and not granted)."""
    partition = generation.partition_of(space_id)
    if partition is None:
        return
    database = generation.database(partition)
    for principal in principals:
        full = generation.prefixes[partition] + keys.principal_prefix(principal, space_id)
        for key in database.keys(full, keys.prefix_end(full)):
            yield key[len(full) : -2].decode(), key.endswith(b"o")
