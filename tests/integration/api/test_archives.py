"""A folder as a ZIP: what other programs make of it."""

import io
import random
import shutil
import stat
import subprocess
import zipfile
from contextlib import aclosing
from pathlib import Path

import pytest

from govault.errors import NotFound
from tests.fakes.vault import ADMIN, Vault

BIG = random.Random(2).randbytes(700_000)


@pytest.fixture
async def filled(vault: Vault) -> Vault:
    """A vault with a tree."""
    await vault.put("t/a.txt", b"text " * 1000, {"govault-mtime": "1700000000000000000"})
    await vault.put("t/bin/tool", b"#!/bin/sh\n", {"govault-executable": "true"})
    await vault.put("t/bin/big", BIG)
    await vault.put("t/bin/words.txt", b"many words " * 100_000)
    await vault.put("t/link", b"a.txt", {"govault-kind": "symlink"})
    await vault.put("t/%C3%BC/empty", b"")
    assert (await vault.client.put("/spaces/main/folders/t/hollow")).status_code < 300
    return vault


async def test_the_archive_has_everything_with_modes_and_times(filled: Vault) -> None:
    answer = await filled.client.get("/spaces/main/folders/t?archive=zip")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="t.zip"'
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == sorted(
        ["a.txt", "bin/", "bin/big", "bin/tool", "bin/words.txt", "hollow/", "link", "ü/", "ü/empty"]
    )
    assert archive.read("bin/big") == BIG
    assert archive.read("bin/words.txt") == b"many words " * 100_000
    assert archive.getinfo("bin/words.txt").compress_size < 100_000
    modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert stat.S_ISLNK(modes["link"])
    assert stat.S_ISDIR(modes["hollow/"])
    assert modes["bin/tool"] & 0o111
    assert not modes["a.txt"] & 0o111
    assert archive.getinfo("a.txt").date_time == (2023, 11, 14, 22, 13, 20)


async def test_an_archive_of_a_folder_that_is_purged_meanwhile_is_not_completed(filled: Vault) -> None:
    archives = filled.services.archives
    space, folder_id, _ = archives.open(ADMIN, "main", "t")
    async with aclosing(archives.zip(space, folder_id)) as pieces:
        await anext(pieces)
        assert (await filled.client.delete("/spaces/main/folders/t")).status_code == 200
        assert (await filled.client.delete("/trash")).status_code == 200
        with pytest.raises(NotFound, match="purged while it was packed"):
            async for _ in pieces:
                pass


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
async def test_unzip_unpacks_it(filled: Vault, tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    path.write_bytes((await filled.client.get("/spaces/main/folders/t?archive=zip")).content)
    done = subprocess.run(["unzip", "-q", path, "-d", tmp_path / "out"], capture_output=True, check=False)  # noqa: ASYNC221
    assert done.returncode == 0, done
    assert (tmp_path / "out/bin/big").read_bytes() == BIG
    assert (tmp_path / "out/link").readlink() == Path("a.txt")
    assert (tmp_path / "out/a.txt").stat().st_mtime == 1_700_000_000


async def test_the_top_of_a_space_is_an_archive_too(filled: Vault) -> None:
    for url in ("/spaces/main/folders/?archive=zip", "/spaces/main/folders?archive=zip"):
        answer = await filled.client.get(url)
        assert answer.status_code == 200, url
        assert "t/bin/tool" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()


async def test_only_folders_that_are_there_make_archives(filled: Vault) -> None:
    for url, status in (
        ("/spaces/main/folders/nowhere?archive=zip", 404),
        ("/spaces/main/folders/t/a.txt?archive=zip", 409),
        ("/spaces/main/folders/t?archive=tar", 422),
        ("/spaces/nowhere/folders/t?archive=zip", 404),
    ):
        assert (await filled.client.get(url)).status_code == status, url
