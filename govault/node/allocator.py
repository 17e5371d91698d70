"""The C library's allocator, set for a process that moves blocks of some hundred KiB all day."""

import ctypes

from govault.limits import MIB

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_TRIM_BYTES = 16 * MIB
_MMAP_BYTES = 16 * MIB
_ARENAS_MAX = 2


def keep_freed_blocks() -> None:
    """Have freed blocks used again instead of given back to the kernel and asked for anew, page by page.

    Few arenas bound what all threads together keep. Must come before threads are started; where the C library has no
    ``mallopt`` nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    for parameter, value in (
        (_M_TRIM_THRESHOLD, _TRIM_BYTES),
        (_M_MMAP_THRESHOLD, _MMAP_BYTES),
        (_M_ARENA_MAX, _ARENAS_MAX),
    ):
        mallopt(parameter, value)
