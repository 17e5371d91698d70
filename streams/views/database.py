"""The one RocksDB of a generation of views: opened with bounded memory, written without syncing.

The log is the truth: after power loss the views fold again what they lost. Batches are atomic all the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteOptions,
)

from govault.errors import Config, Storage, StorageFull, is_full

_MIB = 1024 * 1024
_CACHE_BYTES = 32 * _MIB
_MEMTABLE_BYTES = 8 * _MIB
_FILLING_MEMTABLE_BYTES = 32 * _MIB
_FILLING_TABLES_UNMERGED_MAX = 16
_METADATA_BLOCK_BYTES = 4 * 1024
_OPEN_FILES_MAX = 256
_CACHE = Cache(_CACHE_BYTES)
"""One for all databases of the process: shards, and for a while two generations, share the same memory."""


class DamagedViews(Exception):
    """RocksDB cannot open what is there."""


class Database:
    """Ordered bytes to bytes. One writer; readers of any thread see whole batches."""

    def __init__(self, path: Path, *, filling: bool = False) -> None:
        """Open or create.

        Args:
            filling: Whether very much is about to be written at once: larger buffers, merged more of them at a time.

        Raises:
            Config: Another process has the folder open.
            DamagedViews: RocksDB cannot open what is there.
            Storage: The folder cannot be made, or there is no room.
        """
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
        self._path = path
        try:
            self._rocks: Any = Rdict(str(path), _options(filling))
        except Exception as error:
            if "lock" in str(error).lower():
                raise Config(f"the views in {path} are open in another process: {error}; stop that node") from error
            if _is_full(error):
                raise _full(path, error) from error
            raise DamagedViews(f"{path}: {error}") from error
        self.get = self._rocks.get
        """The value of a key, or None."""
        self._unlogged = WriteOptions()
        self._unlogged.disable_wal = True

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of several keys, in order."""
        return cast(list[bytes | None], self._rocks.get(list(keys)))

    def items(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """(key, value) of [start, stop), ascending."""
        options = _until(stop)  # The iterator reads the bound through these, so they must live as long as it does.
        yield from self._rocks.items(from_key=start, read_opt=options)

    def keys(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        """Keys of [start, stop), ascending."""
        options = _until(stop)
        yield from self._rocks.keys(from_key=start, read_opt=options)

    def batch(self) -> Any:
        """A new write batch (``put``, ``delete``)."""
        return WriteBatch(raw_mode=True)

    def write(self, batch: Any, logged: bool) -> None:
        """Apply a batch, all of it or nothing.

        Args:
            logged: Whether RocksDB's own log gets it; without, what was not flushed before a crash is folded again.

        Raises:
            Storage: It cannot be written.
        """
        try:
            if logged:
                self._rocks.write(batch)
            else:
                self._rocks.write(batch, self._unlogged)
        except Exception as error:
            raise unwritten(self._path, error) from error

    def flush(self) -> None:
        """Everything written is in table files when this returns.

        Raises:
            Storage: It cannot be written.
        """
        with writing(self._path):
            self._rocks.flush(True)

    def property_number(self, name: str) -> int:
        """One of RocksDB's own figures; 0 where it has none."""
        return cast(int | None, self._rocks.property_int_value(name)) or 0

    def close(self) -> None:
        """Flush and let go of the folder's lock, in any case. May be called twice.

        Raises:
            Storage: What was written is not all in table files.
        """
        if self._rocks is None:
            return
        rocks, self._rocks, self.get = self._rocks, None, None
        with writing(self._path):
            try:
                rocks.flush(True)
            finally:
                rocks.close()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What goes wrong in it is an error of ``path``'s disk.

    Raises:
        Storage: With the reason.
    """
    try:
        yield
    except Exception as error:
        raise unwritten(path, error) from error


def unwritten(path: Path, error: Exception) -> Storage:
    """What to tell people of an error of the system's, or of RocksDB's, which are plain exceptions."""
    if _is_full(error):
        return _full(path, error)
    return Storage(f"the views in {path} cannot be written: {error}", code="storage.views")


def _full(path: Path, error: Exception) -> StorageFull:
    return StorageFull(f"the views in {path} cannot be written, the disk is full: free space and repeat ({error})")


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError) and is_full(error):
        return True
    return any(said in str(error) for said in ("No space left", "Disk quota"))


def _until(stop: bytes) -> ReadOptions:
    options = ReadOptions()
    options.set_iterate_upper_bound(stop)
    return options


def _options(filling: bool) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(_CACHE)
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    table.set_bloom_filter(10.0, False)
    # In pieces, since whole ones of large tables have megabytes, more than one of the cache's own shards can hold:
    # each read would load them anew, which takes half a millisecond.
    table.set_index_type(BlockBasedIndexType.two_level_index_search())
    table.set_partition_filters(True)
    table.set_metadata_block_size(_METADATA_BLOCK_BYTES)
    table.set_pin_top_level_index_and_filter(True)
    table.set_block_size(8 * 1024)
    table.set_format_version(5)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(_FILLING_MEMTABLE_BYTES if filling else _MEMTABLE_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_max_total_wal_size(64 * _MIB)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_level_compaction_dynamic_level_bytes(True)
    if filling:
        # Each merge writes all that was merged before anew: four times as rarely, a fill takes a twenty-fifth less.
        options.set_level_zero_file_num_compaction_trigger(_FILLING_TABLES_UNMERGED_MAX)
    options.set_max_background_jobs(2)
    options.set_max_open_files(_OPEN_FILES_MAX)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(4 * _MIB)
    options.set_stats_dump_period_sec(0)
    options.set_is_fd_close_on_exec(True)
    return options
