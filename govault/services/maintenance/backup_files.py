"""The files of a backup: how log records are written in it, how its files are hashed, copied and listed.

Layout: ``backup.json`` (the list of everything else with sizes and SHA-256, written last and atomically: a folder
without it is no backup), ``vault.json`` and ``FORMAT`` of the data folder, ``log/<topic>/<partition>`` (record by
record), ``packs/``, and ``keys/`` where asked for.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from govault.domain.position import Position
from govault.errors import Config
from govault.limits import MIB
from govault.ports import LogRecord
from schemas.topics import Topic

MANIFEST = "backup.json"
FORMAT = 2
LOG_MAGIC = b"GVLOG1\n"
_BLOCK = 1 * MIB
_RECORD_BYTES_MAX = 64 * MIB


@dataclass(frozen=True, slots=True)
class BackedUpFile:
    """One file of a backup; ``name`` is relative to its folder, with ``/``."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BackedUpPartition:
    """One partition of the log as it was cut.

    Attributes:
        end: The offset it was cut before.
        records: How many are in the backup.
        history: Digest of all records, where the views stood at the cut; otherwise empty. ``view`` that of the state.
    """

    topic: str
    partition: int
    begin: int
    end: int
    records: int
    history: str = ""
    view: str = ""


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """What ``backup.json`` says.

    Attributes:
        node_id: Whose packs it has; empty in format 1, which did not say.
    """

    format: int
    vault_id: str
    made_ms: int
    made_by: str
    keys: bool
    partitions: tuple[BackedUpPartition, ...]
    files: tuple[BackedUpFile, ...]
    node_id: str = ""

    def write(self, folder: Path) -> None:
        """Write it, atomically and durably. Blocks."""
        scratch = folder / f".{MANIFEST}"
        with scratch.open("wb") as out:
            out.write(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))
            out.flush()
            os.fsync(out.fileno())
        scratch.rename(folder / MANIFEST)
        sync_folder(folder)

    @classmethod
    def read(cls, folder: Path) -> "BackupManifest":
        """The manifest of a backup.

        Raises:
            Config: There is none, it cannot be read, is damaged, or of a newer format.
        """
        path = folder / MANIFEST
        try:
            raw = orjson.loads(path.read_bytes())
            if raw["format"] > FORMAT:
                raise Config(f"{path} has format {raw['format']}; this program knows {FORMAT}: use a newer one")
            partitions = tuple(BackedUpPartition(**row) for row in raw.pop("partitions"))
            files = tuple(BackedUpFile(**row) for row in raw.pop("files"))
            return cls(**raw, partitions=partitions, files=files)
        except FileNotFoundError as error:
            message = (
                f"{folder} is not a complete backup: it has no {MANIFEST}, which is written last. Take another one"
            )
            raise Config(message) from error
        except OSError as error:
            message = f"{path} cannot be read ({error.strerror}): name the folder that 'govault backup' wrote"
            raise Config(message) from error
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise Config(f"{path} is damaged ({error}). Take another backup") from error


class HashingWriter:
    """Writes a new file and knows its size and SHA-256."""

    def __init__(self, folder: Path, name: str) -> None:
        self._name = name
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._out: BinaryIO = path.open("xb")
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append."""
        self._out.write(data)
        self._digest.update(data)
        self._size_bytes += len(data)

    def close(self) -> BackedUpFile:
        """Make the file durable."""
        with self._out:
            self._out.flush()
            os.fsync(self._out.fileno())
        return BackedUpFile(self._name, self._size_bytes, self._digest.hexdigest())

    def abandon(self) -> None:
        """Close the file as it is."""
        self._out.close()


def copy_file(source: Path, size_bytes: int | None, folder: Path, name: str) -> BackedUpFile:
    """Copy the first bytes of a file (None: all) into a backup. Blocks."""
    writer = HashingWriter(folder, name)
    left = source.stat().st_size if size_bytes is None else size_bytes
    try:
        with source.open("rb") as data:
            while left:
                block = data.read(min(left, _BLOCK))
                if not block:
                    raise Config(f"{source} is shorter than it was: {left} bytes are missing")
                writer.write(block)
                left -= len(block)
    except BaseException:
        writer.abandon()
        raise
    return writer.close()


def link_file(source: Path, size_bytes: int, folder: Path, name: str) -> BackedUpFile | None:
    """Link a file that never changes any more into a backup; None where it must be copied. Blocks."""
    target = folder / name
    if source.stat().st_size != size_bytes:
        return None
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.link(source, target)
    except OSError:
        return None
    return BackedUpFile(name, size_bytes, hash_file(target))


def hash_file(path: Path) -> str:
    """SHA-256 of a whole file. Blocks."""
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable. Blocks."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folders(top: Path) -> None:
    """Make the entries of a folder and all folders below it durable. Blocks."""
    for folder, _, _ in os.walk(top, topdown=False):
        sync_folder(Path(folder))


def clear_folder(folder: Path) -> None:
    """Remove everything in a folder. Blocks."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def encode_record(record: LogRecord) -> bytes:
    """A record as it stands in a backup's log file: length, offset, time, key, headers, value."""
    parts = [
        record.position.offset.to_bytes(8, "big"),
        record.time_ms.to_bytes(8, "big", signed=True),
        len(record.key).to_bytes(4, "big"),
        record.key,
        len(record.headers).to_bytes(2, "big"),
    ]
    for name, value in record.headers:
        raw = name.encode()
        parts += [len(raw).to_bytes(2, "big"), raw, len(value).to_bytes(4, "big"), value]
    parts.append(record.value)
    body = b"".join(parts)
    return len(body).to_bytes(4, "big") + body


def decode_records(path: Path, topic: Topic, partition: int) -> Iterator[LogRecord]:
    """The records of a backup's log file. Blocks.

    Raises:
        Config: It is not one, or damaged.
    """
    with path.open("rb") as data:
        if data.read(len(LOG_MAGIC)) != LOG_MAGIC:
            raise Config(f"{path} is not a log file of a backup")
        while head := data.read(4):
            size = int.from_bytes(head, "big")
            body = data.read(size) if len(head) == 4 and size <= _RECORD_BYTES_MAX else b""
            if len(body) != size or size < 22:
                raise Config(f"{path} ends in the middle of a record")
            yield _decode_body(memoryview(body), topic, partition)


def _decode_body(body: memoryview, topic: Topic, partition: int) -> LogRecord:
    at = 16

    def take(width: int) -> bytes:
        nonlocal at
        size = int.from_bytes(body[at : at + width], "big")
        at += width + size
        return bytes(body[at - size : at])

    offset = int.from_bytes(body[:8], "big")
    time_ms = int.from_bytes(body[8:16], "big", signed=True)
    key = take(4)
    count = int.from_bytes(body[at : at + 2], "big")
    at += 2
    headers = tuple((take(2).decode(), take(4)) for _ in range(count))
    return LogRecord(Position(topic, partition, offset), time_ms, key, bytes(body[at:]), headers)
