"""A pack that grew full while its bytes are being synced."""

import errno
from pathlib import Path

import pytest

from govault.domain.manifest import ChunkRef
from govault.errors import Storage
from govault.storage.compression import Compressor
from govault.storage.disk import RealDisk, RealFile
from govault.storage.keyring import Keyring
from govault.storage.pack import PACKS_FOLDER, NewRecord, PackWriter
from govault.storage.sealing import Sealer
from schemas.ids import ChunkId


def _record(number: int) -> NewRecord:
    return NewRecord([ChunkRef(ChunkId(bytes([number]) * 32), 1000)], b"r" * 1000, 0, 0)


@pytest.mark.parametrize("rolls_by", ["growth", "roll"])
def test_a_pack_left_behind_stays_open_until_its_sync_is_over(tmp_path: Path, rolls_by: str) -> None:
    disk = RealDisk(tmp_path)
    disk.make_dir(PACKS_FOLDER)
    sealer = Sealer(Keyring(b"k" * 32), Compressor("none", None))
    writer = PackWriter(disk, sealer, pack_bytes_max=2000, reserve_bytes=0, next_number=1)
    writer.append([_record(1)])
    taken = writer.take_unsynced()
    if rolls_by == "roll":
        writer.roll()
    writer.append([_record(2)])
    for number, file in taken.files.items():
        file.sync()
        writer.retire(number, file)
    with pytest.raises((OSError, ValueError)):
        next(iter(taken.files.values())).sync()
    for file in writer.take_unsynced().files.values():
        file.sync()
    writer.close()


class NoBirth(RealDisk):
    """Neither takes a new pack's first bytes nor lets go of its name, as long as it is ill."""

    ill = True

    def open(self, path: str, *, create: bool = False) -> RealFile:
        file = super().open(path, create=create)
        if self.ill:
            file.close()
        return file

    def unlink(self, path: str) -> None:
        if self.ill:
            raise OSError(errno.EIO, "the disk is ill")
        super().unlink(path)


def test_a_pack_that_could_be_neither_begun_nor_removed_does_not_stand_in_the_way_of_the_next(tmp_path: Path) -> None:
    disk = NoBirth(tmp_path)
    disk.make_dir(PACKS_FOLDER)
    sealer = Sealer(Keyring(b"k" * 32), Compressor("none", None))
    writer = PackWriter(disk, sealer, pack_bytes_max=2000, reserve_bytes=0, next_number=1)
    with pytest.raises(Storage, match="cannot write"):
        writer.append([_record(1)])
    disk.ill = False
    writer.append([_record(1)])
    assert list(writer.take_unsynced().files) == [2]
    writer.close()
