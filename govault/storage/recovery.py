"""What a start does with packs that the index does not know to their end: the tail after a crash.

A tail's whole records are adopted, what is torn is cut off. Adopted bytes are written once more before they are
synced: after a failed fsync the kernel may hold pages that look clean but never reached the disk, and a sync of clean
pages does nothing.
"""

from collections.abc import Iterator
from typing import NamedTuple

from govault.domain.manifest import ChunkRef
from govault.errors import Config
from govault.storage.compression import Codec
from govault.storage.disk import Disk, File
from govault.storage.index import Entry, entries_of
from govault.storage.ledger import Ledger
from govault.storage.pack import PACKS_FOLDER, Appended, pack_path
from govault.storage.record import PACK_HEADER_BYTES, chunks_of, decode_pack_header, pack_number
from govault.storage.scanner import Found, scan
from govault.storage.sealing import SealBroken, Sealer, SealingRootMissing
from schemas.ids import ChunkId


class Recovered(NamedTuple):
    """What a start found.

    Attributes:
        adopted: Chunks of tails that the index learned.
        torn_bytes: Cut off behind the last whole record.
        short_sizes: Packs that are shorter than the index knows, and their sizes: bytes that were durable are gone.
        lost_packs: Packs that hold live chunks and are not there.
        resume: The pack to go on with, 0 for none, and its end.
    """

    adopted: int
    torn_bytes: int
    short_sizes: dict[int, int]
    lost_packs: list[int]
    resume: tuple[int, int]


class Checked(NamedTuple):
    """A record that was found, whether it is what was sealed, and the chunks it says it holds."""

    found: Found
    authentic: bool
    chunks: list[ChunkRef]


class Tail(NamedTuple):
    """What lies in a pack behind its watermark."""

    records: list[Checked]
    end: int
    frame_bytes: int


def recover(disk: Disk, ledger: Ledger, sealer: Sealer, pack_bytes_max: int) -> Recovered:
    """Make index and packs agree. Runs before anything else uses them."""
    adopted = torn_bytes = newest_end = 0
    is_shared = False
    short: dict[int, int] = {}
    numbers = pack_numbers(disk)
    for number in numbers:
        file = disk.open(pack_path(number))
        try:
            size = file.size()
            known = ledger.rows[number].durable_bytes if number in ledger.rows else 0
            newest_end = known
            # What a backup links to stays as it is: its packs may be the newest again once later ones were compacted.
            is_shared = file.names() > 1
            if size > known or number == numbers[-1]:
                check_keys(file, sealer, number)
            if size < known:
                short[number] = size
            elif size > known:
                tail = read_tail(file, sealer, number, known, size)
                newest_end = tail.end
                adopted += sum(len(record.chunks) for record in tail.records)
                torn_bytes += size - tail.end
                _adopt(disk, ledger, file, number, known, tail)
        finally:
            file.close()
    lost = _drop_rows(ledger, numbers)
    newest = numbers[-1] if numbers else 0
    usable = newest and newest not in short and not is_shared and PACK_HEADER_BYTES <= newest_end < pack_bytes_max
    return Recovered(adopted, torn_bytes, short, lost, (newest, newest_end) if usable else (0, 0))


def pack_numbers(disk: Disk) -> list[int]:
    """The packs of a store, ascending."""
    return [number for name in disk.list_dir(PACKS_FOLDER) if (number := pack_number(name)) is not None]


def check_keys(file: File, sealer: Sealer, number: int) -> bool:
    """Whether the file begins as that pack does; False where its header is damaged.

    Raises:
        Config: It was sealed with the keys of another vault. Nothing may be judged damaged then.
    """
    decoded = decode_pack_header(file.pread(PACK_HEADER_BYTES, 0))
    if decoded is not None and decoded[1] != sealer.key_check:
        raise Config(f"{pack_path(number)} was sealed with another root secret; put the right key file back")
    return decoded is not None and decoded[0] == number


def read_tail(file: File, sealer: Sealer, number: int, start: int, size: int) -> Tail:
    """The whole, authentic records behind ``start``, and where the last of them ends."""
    end = start
    frame_bytes = 0
    if start == 0:
        if check_keys(file, sealer, number):
            end = frame_bytes = PACK_HEADER_BYTES
        start = PACK_HEADER_BYTES
    records: list[Checked] = []
    for record in authenticated(file, sealer, start, size):
        if not record.authentic:
            continue
        if record.found.header.codec == Codec.SEALING_ROOT:
            frame_bytes += record.found.header.record_bytes
        else:
            records.append(record)
        end = record.found.end
    return Tail(records, end, frame_bytes)


def authenticated(file: File, sealer: Sealer, start: int, end: int) -> Iterator[Checked]:
    """Records in order, each held against its seal. Sealing roots are learned on the way."""
    for found in scan(file, start, end):
        raw = file.pread(found.header.record_bytes, found.offset)
        if found.header.codec == Codec.SEALING_ROOT:
            yield Checked(found, sealer.adopt_root(found.header, raw), [])
            continue
        chunks = chunks_of(found.header, raw)
        try:
            sealer.authenticate(found.header, raw)
        except SealingRootMissing as error:
            raise Config(f"{error}; restore keyring.json from a backup") from error
        except SealBroken:
            yield Checked(found, False, chunks)
        else:
            yield Checked(found, bool(chunks), chunks)


def learn_roots(disk: Disk, sealer: Sealer) -> None:
    """Learn every sealing root that the packs carry. Reads all record headers: for a lost ``keyring.json`` only."""
    for number in pack_numbers(disk):
        file = disk.open(pack_path(number))
        try:
            check_keys(file, sealer, number)
            for found in scan(file, PACK_HEADER_BYTES, file.size()):
                if found.header.codec == Codec.SEALING_ROOT:
                    sealer.adopt_root(found.header, file.pread(found.header.record_bytes, found.offset))
        finally:
            file.close()


def _adopt(disk: Disk, ledger: Ledger, file: File, number: int, known: int, tail: Tail) -> None:
    file.truncate(tail.end)
    if tail.end == 0:
        # Not even the pack's header is whole: the pack was being born.
        disk.unlink(pack_path(number))
        disk.sync_dir(PACKS_FOLDER)
        ledger.forget_pack(number)
        return
    for found, _, _ in tail.records:
        file.pwrite([file.pread(found.header.record_bytes, found.offset)], found.offset)
    if known == 0:
        file.pwrite([file.pread(PACK_HEADER_BYTES, 0)], 0)
    file.sync()
    disk.sync_dir(PACKS_FOLDER)
    appended = []
    for found, _, chunks in tail.records:
        for chunk_id, entry in entries_of(number, found.offset, found.header.record_bytes, chunks, ledger.epoch):
            if ledger.index.get(chunk_id) is None:
                appended.append(Appended(chunk_id, entry, None))
    # A chunk may lie twice in one tail: the index points to the later one, the earlier one is dead.
    last = {chunk.chunk_id: chunk for chunk in appended}
    ledger.commit(list(last.values()), {number: tail.end}, {number: tail.frame_bytes})


def absent_chunks(ledger: Ledger, recovered: Recovered) -> list[tuple[ChunkId, Entry]]:
    """Chunks whose bytes are gone with a lost or shortened pack: nobody may deduplicate against them."""
    suspects = {*recovered.lost_packs, *recovered.short_sizes}
    if not suspects:
        return []
    sizes = recovered.short_sizes
    return [
        (chunk_id, entry)
        for chunk_id, entry in ledger.index.entries()
        if entry.pack in suspects and entry.offset + entry.extent_bytes > sizes.get(entry.pack, 0)
    ]


def _drop_rows(ledger: Ledger, numbers: list[int]) -> list[int]:
    """Forget packs that were compacted away just before the crash; name those that should be there."""
    lost = []
    for number, row in list(ledger.rows.items()):
        if number not in numbers:
            if row.live_chunks:
                lost.append(number)
            else:
                ledger.forget_pack(number)
    return lost
