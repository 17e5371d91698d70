"""The check finds what is wrong, and names the files."""

import random
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from govault.domain.manifest import ChunkRef
from govault.errors import Cluster
from govault.services.maintenance.checking import Checker, CheckReport
from govault.storage.options import StoreOptions
from tests.fakes.vault import Vault, open_vault
from tests.integration.maintenance.upkeep import upkeep_of


def noise(seed: int, size_bytes: int) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


def damage_packs(vault: Vault, content: bytes) -> None:
    """Flip a bit in the middle of every record of the packs, behind the header."""
    for pack in (vault.root / "store" / "packs").iterdir():
        raw = bytearray(pack.read_bytes())
        for at in range(2000, len(raw), 100_000):
            raw[at] ^= 1
        pack.write_bytes(raw)


async def test_a_clean_vault_has_no_findings_and_everything_was_looked_at(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        await vault.put("a/b", noise(1, 400_000))
        await vault.put("a/b", noise(2, 400_000))
        await vault.put("empty")
        await vault.put("trashed/inside", noise(3, 400_000))
        assert (await vault.client.delete("/spaces/main/folders/trashed")).status_code == 200
        report = await upkeep_of(vault).checker.check(read_data=True, read_files=True)
        assert report.ok
        assert report.findings == ()
        assert (report.files, report.versions) == (3, 4)
        assert report.chunks_read == report.chunks_referenced > 0


async def test_a_damaged_chunk_is_found_by_reading_and_its_file_is_named_and_heals_by_upload(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        content = noise(4, 150_000)
        await vault.put("precious/file", content)
        checker = upkeep_of(vault).checker
        damage_packs(vault, content)
        assert (await checker.check()).ok
        report = await checker.check(read_data=True)
        assert not report.ok
        codes = {finding.code for finding in report.findings}
        assert "file.damaged" in codes
        assert "store.quarantine" in codes
        assert any("main:/precious/file@1" in finding.what for finding in report.findings)
        assert all(finding.means and finding.todo for finding in report.findings)
        await vault.put("another/path", content)
        healed = await checker.check(read_data=True, read_files=True)
        assert healed.ok, healed.findings


async def test_a_missing_chunk_is_found_without_reading_and_its_file_is_named(tmp_path: Path) -> None:
    async with open_vault(tmp_path, store_options=StoreOptions(workers=1, readers=1, reserve_bytes=0)) as vault:
        await vault.put("precious", noise(5, 100_000))
        chunks = [chunk.chunk_id for chunk in vault.store.stamped(b"", 100)]  # type: ignore[attr-defined]
        await vault.store.remove(chunks, 10**9)  # type: ignore[attr-defined]
        report = await upkeep_of(vault).checker.check()
        assert {finding.code for finding in report.findings} == {"store.missing", "file.damaged"}
        assert any("main:/precious@1" in finding.what for finding in report.findings)


@dataclass
class Among:
    """``SharesOfNodes`` as told."""

    here: bool = True
    nobody_has: bool = False

    def expected(self, chunks: Sequence[bytes]) -> list[bytes]:
        return list(chunks) if self.here else []

    def lost(self, chunks: Sequence[bytes]) -> list[bytes]:
        return list(chunks) if self.nobody_has else []


class Away:
    """A store whose chunks are at nodes that do not answer."""

    async def read_run(self, chunks: Iterator[ChunkRef]) -> AsyncIterator[bytes]:
        raise Cluster("it is at no node that answers", code="cluster.chunk-unreachable")
        yield b""


async def checked_without_its_chunks(tmp_path: Path, shares: Among) -> CheckReport:
    """What a check says of a file none of whose chunks is here."""
    async with open_vault(tmp_path, store_options=StoreOptions(workers=1, readers=1, reserve_bytes=0)) as vault:
        await vault.put("precious", noise(5, 100_000))
        chunks = [chunk.chunk_id for chunk in vault.store.stamped(b"", 100)]  # type: ignore[attr-defined]
        await vault.store.remove(chunks, 10**9)  # type: ignore[attr-defined]
        return await Checker(vault.views, vault.views, vault.store, vault.store, shares).check()  # type: ignore[arg-type]


async def test_chunks_that_are_other_nodes_to_have_are_not_missed(tmp_path: Path) -> None:
    report = await checked_without_its_chunks(tmp_path, Among(here=False))
    assert report.ok
    assert report.findings == ()
    assert report.chunks_referenced > 0


async def test_chunks_that_other_nodes_can_give_back_are_no_error_and_those_that_nobody_has_name_their_files(
    tmp_path: Path,
) -> None:
    awaited = await checked_without_its_chunks(tmp_path / "awaited", Among())
    assert awaited.ok
    assert [finding.code for finding in awaited.findings] == ["store.incomplete"]
    lost = await checked_without_its_chunks(tmp_path / "lost", Among(nobody_has=True))
    assert not lost.ok
    assert any("main:/precious@1" in finding.what for finding in lost.findings)


async def test_damage_that_other_nodes_can_repair_is_told_and_is_no_error(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        content = noise(4, 150_000)
        await vault.put("precious/file", content)
        damage_packs(vault, content)
        checker = Checker(vault.views, vault.views, vault.store, vault.store, Among())  # type: ignore[arg-type]
        report = await checker.check(read_data=True)
        assert report.ok
        assert {finding.code for finding in report.findings} == {"store.damaged", "store.quarantine"}


async def test_a_file_on_nodes_that_are_away_is_said_to_be_unreachable_and_the_check_goes_on(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        await vault.put("far", noise(6, 1000))
        await vault.put("away", noise(7, 1000))
        checker = Checker(vault.views, vault.views, Away(), vault.store, Among())  # type: ignore[arg-type]
        report = await checker.check(read_files=True)
        assert [finding.code for finding in report.findings] == ["file.unreachable"] * 2


async def test_a_list_of_findings_is_bounded_and_says_how_many_more_there_are(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("govault.services.maintenance.checking.CHECK_FINDINGS_MAX", 3)
    async with open_vault(tmp_path) as vault:
        for number in range(5):
            await vault.put(f"f{number}", noise(number, 1000))
        chunks = [chunk.chunk_id for chunk in vault.store.stamped(b"", 100)]  # type: ignore[attr-defined]
        await vault.store.remove(chunks, 10**9)  # type: ignore[attr-defined]
        report = await upkeep_of(vault).checker.check()
        assert (len(report.findings), report.more_findings, report.ok) == (3, 7, False)
