"""Digests of sets of chunks, for holders that compare what they have."""

from collections.abc import Iterable

DIGEST_BYTES = 16
EMPTY = bytes(DIGEST_BYTES)


def set_digest(chunk_ids: Iterable[bytes]) -> bytes:
    """16 bytes that name a set of distinct chunk ids, in whatever order they come; zero for none.

    The ids are keyed hashes already, so the exclusive or of their ends tells sets apart as well as a hash would. It
    finds differences that arise; it proves nothing against a node that has the vault's keys and lies.
    """
    digest = 0
    for chunk_id in chunk_ids:
        digest ^= int.from_bytes(chunk_id[-DIGEST_BYTES:], "big")
    return digest.to_bytes(DIGEST_BYTES, "big")
