"""Contents whose manifests have many parts: logged before the commit, read by range, shared and renewed."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from govault.limits import KIB, PARTS_PER_EVENT_MAX
from govault.services.contents.upload_terms import UploadWish
from govault.storage.options import StoreOptions
from schemas.events.files import ManifestPartsAdded, VersionCommitted
from tests.fakes.epochs import open_epochs
from tests.fakes.vault import ADMIN, Vault, open_vault

CONTENT = random.Random(4).randbytes(24 * KIB * KIB)


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    """A vault of small chunks, so that small contents have many parts."""
    options = StoreOptions(chunk_bytes_mean=4 * KIB, compression="none", workers=1, readers=1)
    async with open_vault(tmp_path, store_options=options) as opened:
        yield opened


async def _pieces(vault: Vault, epochs_at: int | None = None) -> AsyncIterator[bytes]:
    for index, start in enumerate(range(0, len(CONTENT), KIB * KIB)):
        if index == epochs_at:
            await open_epochs(vault, 5)
        yield CONTENT[start : start + KIB * KIB]


async def test_parts_are_logged_in_bounded_events_and_the_commit_lists_them(vault: Vault) -> None:
    await vault.services.uploads.put(ADMIN, UploadWish("main", "a"), _pieces(vault), 10**9)
    added = [event.data for event in vault.log.events if isinstance(event.data, ManifestPartsAdded)]
    commits = [event.data for event in vault.log.events if isinstance(event.data, VersionCommitted)]
    assert max(len(data.parts) for data in added) <= PARTS_PER_EVENT_MAX
    assert len(commits[0].content.parts) == sum(len(data.parts) for data in added) > PARTS_PER_EVENT_MAX
    assert (await vault.get("a")).content == CONTENT


async def test_ranges_reach_across_parts(vault: Vault) -> None:
    assert (await vault.put("a", CONTENT)).status_code == 201
    draw = random.Random(5)
    for _ in range(20):
        start = draw.randrange(len(CONTENT))
        stop = min(len(CONTENT), start + draw.randrange(1, 4_000_000))
        part = await vault.get("a", {"range": f"bytes={start}-{stop - 1}"})
        assert part.content == CONTENT[start:stop]


@pytest.mark.parametrize("epochs_at", [0, 12, 23])
async def test_an_upload_goes_on_when_collection_moves_past_it(vault: Vault, epochs_at: int) -> None:
    uploaded = await vault.services.uploads.put(ADMIN, UploadWish("main", "a"), _pieces(vault, epochs_at), 10**9)
    assert uploaded.result == "created"
    assert (await vault.get("a")).content == CONTENT


async def test_a_form_may_bring_as_much(vault: Vault) -> None:
    answer = await vault.client.post("/files", files={"file": ("a", CONTENT)}, data={"path": "by/form"})
    assert answer.status_code == 201, answer.text
    assert (await vault.get("by/form")).content == CONTENT


async def test_a_known_content_brings_its_parts_along(vault: Vault) -> None:
    etag = (await vault.put("a", CONTENT)).json()["etag"]
    await vault.client.post("/spaces", json={"name": "other"})
    await open_epochs(vault, 4)
    for space, path in (("main", "b"), ("other", "c")):
        answer = await vault.put(path, b"", {"govault-content": etag}, space=space)
        assert (answer.status_code, answer.json()["new_bytes"]) == (201, 0), answer.text
        assert (await vault.get(path, space=space)).content == CONTENT


async def test_a_changed_content_shares_most_of_its_parts(vault: Vault) -> None:
    await vault.put("a", CONTENT)
    changed = CONTENT[:1000] + b"inserted" + CONTENT[1000:]
    answer = (await vault.put("a", changed)).json()
    assert answer["result"] == "version"
    assert answer["new_bytes"] < 100_000
    first, second = (set(e.data.content.parts) for e in vault.log.events if isinstance(e.data, VersionCommitted))
    assert len(second - first) <= 2
