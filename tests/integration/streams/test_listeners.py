"""Who is told what folding changed, on real views."""

from pathlib import Path

from govault.domain.actor import system
from govault.domain.rows import FileRow
from schemas.events.peers import JoinTokenIssued
from tests.fakes.vault import Vault, open_vault


def chunks_of(vault: Vault, path: str) -> set[bytes]:
    space = vault.views.space_named("main")
    assert space is not None
    file = vault.views.resolve(space.space_id, path)
    assert isinstance(file, FileRow)
    return {chunk.chunk_id for chunk in vault.views.manifest(space.space_id, file.current)}


async def test_a_chunks_first_reference_and_the_loss_of_its_last_are_told_once_each(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        referenced: list[bytes] = []
        dereferenced: list[bytes] = []
        vault.views.on_referenced(lambda chunks, epoch: referenced.extend(chunks))
        vault.views.on_dereferenced(lambda chunks, epoch: dereferenced.extend(chunks))
        await vault.put("a", b"some bytes")
        assert referenced == list(chunks_of(vault, "a"))
        await vault.put("b", b"some bytes")
        assert len(referenced) == 1
        await vault.client.delete("/spaces/main/files/a")
        await vault.client.delete("/trash")
        assert dereferenced == []
        await vault.client.delete("/spaces/main/files/b")
        await vault.client.delete("/trash")
        assert dereferenced == referenced
        await vault.put("c", b"some bytes")
        assert referenced == dereferenced * 2


async def test_changes_of_peers_are_told(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        told: list[int] = []
        vault.views.on_peers(lambda: told.append(len(vault.views.nodes())))
        issued = JoinTokenIssued(token_hash="ab" * 32, expires_ms=10**13)
        await vault.services.submitter.submit(system("test"), issued, 0, subject="t")
        assert told == [0]
