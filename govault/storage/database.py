"""The ordered key-value database under the index: a RocksDB, or what a test puts in its place."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Protocol

from rocksdict import AccessType, BlockBasedOptions, Cache, Options, Rdict, ReadOptions, WriteBatch

from govault.errors import Storage, StorageFull
from govault.limits import MIB

_BLOCK_CACHE_BYTES = 16 * MIB
_WRITE_BUFFER_BYTES = 8 * MIB

Change = tuple[bytes, bytes | None]
"""A key and its new value, None to delete it."""


class Database(Protocol):
    """Keys in byte order. Threads may read at once; one writes."""

    def get(self, key: bytes) -> bytes | None:
        """A key's value.

        Raises:
            Storage: It cannot be read.
        """

    def scan(self, family: bytes, after: bytes = b"", stop: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin with ``family``, without it, behind ``after``; the state of when the scan started.

        Args:
            stop: Where to end, before it, unless it is empty. What was deleted behind it costs nothing then.
        """

    def write(self, changes: Sequence[Change]) -> None:
        """Apply changes atomically, in order. They survive the process, and power loss after the next ``sync``.

        Raises:
            StorageFull: Nothing was applied; it may be tried again when there is space.
            Storage: Nothing was applied.
        """

    def sync(self) -> None:
        """Make everything written durable.

        Raises:
            StorageFull: It is not, for lack of space.
            Storage: It is not.
        """

    def close(self) -> None:
        """Let go of the files; may be called twice."""


OpenDatabase = Callable[[Path], Database]


class RocksDatabase:
    """A RocksDB, one process at a time.

    RocksDB takes no more writes after a full disk until it is opened again: ``write`` does that by itself.
    """

    def __init__(self, folder: Path) -> None:
        """Open or make the database of a folder.

        Raises:
            Exception: RocksDB's, where it is damaged or locked.
        """
        self._folder = folder
        self._db = _open(folder)
        self._stuck = False
        self._reopening = Lock()

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._db.get(key)
        except Exception:  # noqa: BLE001 (RocksDB raises plain exceptions)
            # Another thread may be opening it again: wait for that and look once more.
            with self._reopening:
                try:
                    value = self._db.get(key)
                except Exception as error:
                    raise Storage(f"the index cannot be read: {error}", code="storage.index") from error
        return value

    def scan(self, family: bytes, after: bytes = b"", stop: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        # The cursor reads its bound through these, so they must live as long as it does. Without a bound it would
        # step over everything that was deleted between the last key and whatever comes next in the database.
        options = ReadOptions()
        options.set_iterate_upper_bound(family + stop if stop else _end_of(family))
        cursor = self._db.iter(options)
        cursor.seek(family + after)
        if after and cursor.valid() and cursor.key() == family + after:
            cursor.next()
        while cursor.valid():
            key: bytes = cursor.key()
            if not key.startswith(family):
                return
            yield key[len(family) :], cursor.value()
            cursor.next()
        cursor.status()

    def write(self, changes: Sequence[Change]) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            if self._stuck:
                self._reopen()
            self._db.write(batch)
        except Exception as error:
            self._stuck = True
            raise _as_storage_error(error) from error

    def sync(self) -> None:
        try:
            self._db.flush_wal(True)
        except Exception as error:
            self._stuck = True
            raise _as_storage_error(error) from error

    def close(self) -> None:
        # It repeats an error that a write raised before, and closes all the same.
        with suppress(Exception):
            self._db.close()

    def _reopen(self) -> None:
        with self._reopening:
            self.close()
            self._db = _open(self._folder)
            self._stuck = False


def _end_of(family: bytes) -> bytes:
    """The first key behind all that begin with ``family`` (letters and small numbers, never 0xff)."""
    return family[:-1] + bytes((family[-1] + 1,))


def _open(folder: Path) -> Rdict:
    return Rdict(str(folder), options=_options(), access_type=AccessType.read_write())


def _as_storage_error(error: Exception) -> Storage | StorageFull:
    if "No space left" in str(error) or "Disk quota" in str(error):
        return StorageFull("the disk is full: free space and repeat")
    return Storage(f"the index cannot be written: {error}", code="storage.index")


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(3)
    options.set_max_total_wal_size(4 * _WRITE_BUFFER_BYTES)
    options.set_keep_log_file_num(2)
    options.set_max_open_files(128)
    table = BlockBasedOptions()
    table.set_block_cache(Cache(_BLOCK_CACHE_BYTES))
    table.set_bloom_filter(10, False)
    table.set_cache_index_and_filter_blocks(False)
    options.set_block_based_table_factory(table)
    return options
