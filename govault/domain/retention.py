"""What a space's settings no longer keep. Pure: vault time decides, never a node's clock.

``apply`` removes nothing because of time; a worker asks here and writes explicit events.
"""

from collections.abc import Callable

from govault.domain.rows import Entity, FileRow, SpaceRow

_MS = 1000


def versions_to_prune(
    file: FileRow, settings: SpaceRow, committed_ms: Callable[[int], int | None], vault_time_ms: int
) -> tuple[int, ...]:
    """The retained versions of a file that no rule keeps, ascending; never the current one.

    A version is kept when any rule keeps it, and all are where there is no rule. ``keep_last`` N keeps the newest N,
    the current one counted. ``keep_within_s`` keeps a version for that long after another took its place (as S3 counts
    the days of noncurrent versions): an old version that was replaced yesterday can still be had back today.

    Args:
        committed_ms: The vault time at which a retained version was committed; None where it is gone meanwhile.
    """
    if settings.keep_last is None and settings.keep_within_s is None:
        return ()
    candidates = tuple(file.older)
    if settings.keep_last is not None:
        candidates = candidates[: max(0, len(candidates) + 1 - settings.keep_last)]
    if settings.keep_within_s is None or not candidates:
        return candidates
    kept_since_ms = vault_time_ms - settings.keep_within_s * _MS
    successors = (*file.older[1:], file.current.number)
    pruned = []
    for number, successor in zip(candidates, successors, strict=False):
        replaced_ms = file.current.committed_ms if successor == file.current.number else committed_ms(successor)
        if replaced_ms is not None and replaced_ms < kept_since_ms:
            pruned.append(number)
    return tuple(pruned)


def trash_is_expired(root: Entity, settings: SpaceRow, vault_time_ms: int) -> bool:
    """Whether a trash root has been trash for longer than the space keeps it."""
    if settings.trash_expires_after_s is None or root.trashed_ms is None:
        return False
    return root.trashed_ms + settings.trash_expires_after_s * _MS < vault_time_ms
