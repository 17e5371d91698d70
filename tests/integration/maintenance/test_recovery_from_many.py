"""A vault of three nodes, each with two thirds of the chunks, comes back from the backups of all."""

import asyncio
import errno
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from govault.errors import Config, StorageFull
from govault.node.recovery import recover_folder
from govault.services.maintenance.backup_files import BackedUpFile, BackupManifest, hash_file
from govault.services.maintenance.recovery import RecoveryReport
from govault.storage.keyring import Keyring
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore
from tests.integration.maintenance.conftest import start_node

MIB = 1 << 20
OPTIONS = StoreOptions(reserve_bytes=0, pack_bytes_max=2 * MIB)


def silent(done: int, total: int, text: str) -> None:
    """Progress for nobody."""


def lacks(node: int, chunk_id: bytes) -> bool:
    """Whether a chunk is on the two other nodes."""
    return chunk_id[-1] % 3 == node


@dataclass
class Lost:
    """What is left of a vault whose machines are gone.

    Attributes:
        backups: One of each node, the first one older than the others.
        late: Contents that came after the first backup.
        digests: As the newest backup has them.
    """

    backups: list[Path]
    contents: dict[str, bytes]
    late: dict[str, bytes]
    digests: dict[tuple[str, int], tuple[int, str, str]]
    recovery_key: str
    referenced: set[bytes]


async def keep_a_share(store_folder: Path, keys: Path, node: int) -> set[bytes]:
    """Take from a store what its node does not hold; all that was in it before."""
    store = await PackChunkStore.open(store_folder, Keyring.open(keys), OPTIONS)
    try:
        held = {chunk.chunk_id for chunk in store.stamped(b"", 1_000_000)}
        await store.remove([chunk_id for chunk_id in held if lacks(node, chunk_id)], 1_000_000)
        while await store.compact(0.001):
            pass
    finally:
        await store.close()
    return held


def write_manifest(folder: Path, **changes: Any) -> None:
    """List what is in a backup's folder now, as if it had been backed up so."""
    manifest = BackupManifest.read(folder)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    files = tuple(
        BackedUpFile(name, (folder / name).stat().st_size, hash_file(folder / name))
        for name in names
        if name != "backup.json"
    )
    replace(manifest, files=files, **changes).write(folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lost:
    top = tmp_path_factory.mktemp("lost")
    (top / "data").mkdir()
    door = start_node(top / "data")
    try:
        contents = {f"big/{number}": os.urandom(MIB) for number in range(4)}
        contents |= {f"small/{number}": b"%d " % number * 300 for number in range(60)}
        late = {f"late/{number}": os.urandom(MIB // 2) for number in range(3)}
        for path, content in contents.items():
            door.put(path, content)
        key = door.ask("POST", "/admin/keys/recovery")["recovery_key"]
        assert door.job("/admin/backup", {"path": str(top / "early"), "keys": False})["state"] == "succeeded"
        door.ask("POST", "/admin/keys/rotate")
        for path, content in late.items():
            door.put(path, content)
        assert door.job("/admin/backup", {"path": str(top / "late"), "keys": True})["state"] == "succeeded"
        digests = door.digests()
    finally:
        door.node.stop()
    backups: list[Path] = []
    held: set[bytes] = set()
    for node, name in enumerate("abc"):
        folder = top / name
        shutil.copytree(top / ("early" if node == 0 else "late"), folder)
        shutil.copytree(top / "data" / "store", top / f"store-{name}")
        held |= asyncio.run(keep_a_share(top / f"store-{name}", top / "data" / "keys", node))
        shutil.rmtree(folder / "packs")
        shutil.copytree(top / f"store-{name}" / "packs", folder / "packs")
        write_manifest(folder, node_id=name)
        backups.append(folder)
    return Lost(backups, contents, late, digests, key, held)


@pytest.fixture
def lost(made: Lost, tmp_path: Path) -> Lost:
    """The same, for a test to damage."""
    backups = [tmp_path / "backups" / folder.name for folder in made.backups]
    for source, folder in zip(made.backups, backups, strict=True):
        shutil.copytree(source, folder)
    return replace(made, backups=backups)


def recovered(lost: Lost, root: Path, which: Sequence[int] = (0, 1, 2)) -> RecoveryReport:
    return recover_folder([lost.backups[number] for number in which], root, None, silent)


def check_contents(lost: Lost, root: Path) -> None:
    """The recovered node has the newest state, serves all of it, and finds nothing wrong."""
    door = start_node(root)
    try:
        after = door.digests()
        assert {place: after[place] for place in lost.digests if place[0] != "peers"} == {
            place: digest for place, digest in lost.digests.items() if place[0] != "peers"
        }
        for path, content in (lost.contents | lost.late).items():
            assert door.raw("GET", f"/spaces/main/files/{path}")[1] == content
        report = door.job("/admin/check?read_data=true&read_files=true")["result"]
        assert report["ok"] is True, report
        assert report["findings"] == []
        assert door.put("after", b"it goes on")["version"] == 1
    finally:
        door.node.stop()


def test_backups_of_all_nodes_make_a_whole_vault_in_any_order(lost: Lost, tmp_path: Path) -> None:
    report = recovered(lost, tmp_path / "data", (0, 2, 1))
    assert (report.whole, report.findings, report.damaged) == (True, (), ())
    assert report.backups == 3
    assert report.node_id == "c"
    assert report.chunks == len(lost.referenced)
    stored = sum(path.stat().st_size for path in (tmp_path / "data" / "store" / "packs").iterdir())
    given = sum(path.stat().st_size for folder in lost.backups for path in (folder / "packs").iterdir())
    assert stored < 0.6 * given, "each chunk comes once"
    check_contents(lost, tmp_path / "data")


@pytest.mark.parametrize("missing", [False, True])
def test_what_is_damaged_in_one_backup_comes_from_another_and_is_named(
    lost: Lost, tmp_path: Path, missing: bool
) -> None:
    for pack in (lost.backups[1] / "packs").iterdir():
        raw = bytearray(pack.read_bytes())
        for position in range(1000, len(raw), 100_000):
            raw[position] ^= 1
        pack.unlink()
        if not missing:
            pack.write_bytes(raw)
    (lost.backups[0] / "log" / "directory" / "0").unlink()
    report = recovered(lost, tmp_path / "data", (1, 0, 2))
    assert report.whole
    wrong = "is missing" if missing else "is not what was backed up"
    assert [sentence for sentence in report.damaged if f"{lost.backups[1]}/packs" in sentence and wrong in sentence]
    assert missing or any("damaged records" in sentence for sentence in report.damaged)
    assert f"{lost.backups[0] / 'log/directory/0'} is missing" in report.damaged
    check_contents(lost, tmp_path / "data")


def test_two_of_three_are_enough_where_everything_is_twice(lost: Lost, tmp_path: Path) -> None:
    report = recovered(lost, tmp_path / "data", (1, 2))
    assert report.whole
    check_contents(lost, tmp_path / "data")


def test_what_no_backup_has_is_named_chunk_by_chunk_and_the_rest_is_served(lost: Lost, tmp_path: Path) -> None:
    report = recovered(lost, tmp_path / "data", (1,))
    gone = {chunk_id for chunk_id in lost.referenced if lacks(1, chunk_id)}
    assert not report.whole
    assert report.more_findings == 0
    named = {finding.what.split()[1] for finding in report.findings if finding.code == "store.missing"}
    assert named == {chunk_id.hex() for chunk_id in gone}
    broken = {finding.what.split()[0] for finding in report.findings if finding.code == "file.damaged"}
    door = start_node(tmp_path / "data")
    try:
        for path, content in (lost.contents | lost.late).items():
            if f"main:/{path}@1" not in broken:
                assert door.raw("GET", f"/spaces/main/files/{path}")[1] == content
        door.put("big/0", lost.contents["big/0"])
        assert door.raw("GET", "/spaces/main/files/big/0")[1] == lost.contents["big/0"]
    finally:
        door.node.stop()


def test_without_keys_in_any_backup_the_recovery_key_opens_all(lost: Lost, tmp_path: Path) -> None:
    for folder in lost.backups[1:]:
        shutil.rmtree(folder / "keys")
        write_manifest(folder, keys=False)
    with pytest.raises(Config, match="the backups have no keys"):
        recovered(lost, tmp_path / "data")
    report = recover_folder(lost.backups, tmp_path / "data", lost.recovery_key, silent)
    assert report.whole
    check_contents(lost, tmp_path / "data")


def test_settings_and_keys_come_from_the_first_backup_whose_own_are_whole(lost: Lost, tmp_path: Path) -> None:
    (lost.backups[1] / "keys" / "keyring.json").write_text("{}")
    report = recovered(lost, tmp_path / "data")
    assert report.node_id == "c"
    assert f"{lost.backups[1] / 'keys/keyring.json'} is not what was backed up" in report.damaged
    for folder in lost.backups:
        (folder / "vault.json").unlink()
    with pytest.raises(Config, match=r"vault\.json is missing, and no other backup is better"):
        recovered(lost, tmp_path / "data2")


def test_a_recovery_key_that_is_not_the_one_of_the_keys_in_a_backup_is_refused(lost: Lost, tmp_path: Path) -> None:
    with pytest.raises(Config, match="the recovery key is not the one"):
        recover_folder(lost.backups, tmp_path / "data", Keyring(b"x" * 32).recovery_key(), silent)
    assert [path.name for path in tmp_path.iterdir()] == ["backups"]
    assert recover_folder(lost.backups, tmp_path / "data", lost.recovery_key, silent).whole


def altered(change: Callable[[Lost], None], message: str) -> object:
    return pytest.param(change, message, id=message.split("|")[0])


def of_another_vault(lost: Lost) -> None:
    write_manifest(lost.backups[2], vault_id="another")


def of_the_same_node(lost: Lost) -> None:
    write_manifest(lost.backups[2], node_id="b")


def of_a_format_that_names_no_node(lost: Lost) -> None:
    shutil.rmtree(lost.backups[2])
    shutil.copytree(lost.backups[1], lost.backups[2])
    for folder in lost.backups[1:]:
        write_manifest(folder, node_id="", format=1)


def of_other_keys(lost: Lost) -> None:
    folder = lost.backups[2] / "foreign"

    async def fill() -> None:
        store = await PackChunkStore.open(folder, Keyring(b"x" * 32), OPTIONS)
        ingest = store.begin()
        await ingest.write(b"of another vault" * 10_000)
        await ingest.finish()
        await store.close()

    asyncio.run(fill())
    shutil.rmtree(lost.backups[2] / "packs")
    (folder / "packs").rename(lost.backups[2] / "packs")
    shutil.rmtree(folder)
    write_manifest(lost.backups[2])


def of_another_history(lost: Lost) -> None:
    path = next(path for path in (lost.backups[0] / "log" / "files").iterdir() if path.stat().st_size > 100)
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    write_manifest(lost.backups[0])


def whose_longest_log_is_damaged(lost: Lost) -> None:
    for folder in lost.backups[1:]:
        for path in (folder / "log" / "files").iterdir():
            path.write_bytes(path.read_bytes() + b"x")


def that_is_none(lost: Lost) -> None:
    (lost.backups[1] / "backup.json").unlink()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        altered(of_another_vault, "of the vault another"),
        altered(of_the_same_node, "backups of the same node"),
        altered(of_a_format_that_names_no_node, "are backups of the same node"),
        altered(of_other_keys, "sealed with other keys"),
        altered(of_another_history, "is not the same in"),
        altered(whose_longest_log_is_damaged, "goes furthest"),
        altered(that_is_none, "not a complete backup"),
    ],
)
def test_backups_that_do_not_belong_together_are_refused_and_nothing_is_left(
    lost: Lost, tmp_path: Path, change: Callable[[Lost], None], message: str
) -> None:
    change(lost)
    with pytest.raises(Config, match=message):
        recovered(lost, tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir()] == ["backups"]


def test_an_interrupted_recovery_leaves_nothing_and_a_killed_one_does_not_stand_in_the_way(
    lost: Lost, tmp_path: Path
) -> None:
    def interrupt(done: int, total: int, text: str) -> None:
        if text.startswith("folding"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recover_folder(lost.backups, tmp_path / "data", None, interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["backups"]
    (tmp_path / ".data.recovering" / "store").mkdir(parents=True)
    (tmp_path / ".data.recovering" / "store" / "half").write_bytes(b"of a recovery that was killed")
    report = recovered(lost, tmp_path / "data")
    assert report.whole
    assert not (tmp_path / "data" / "store" / "half").exists()
    assert json.loads((tmp_path / "data" / "vault.json").read_text())["log_kind"] == "embedded"


@pytest.mark.parametrize("stage", ["taking", "restoring the log", "folding"])
def test_a_disk_that_fills_up_ends_a_recovery_and_nothing_is_left(lost: Lost, tmp_path: Path, stage: str) -> None:
    def fill_up(done: int, total: int, text: str) -> None:
        if text.startswith(stage):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageFull, match="No space left"):
        recover_folder(lost.backups, tmp_path / "data", None, fill_up)
    assert [path.name for path in tmp_path.iterdir()] == ["backups"]


def test_two_recoveries_into_one_folder_do_not_get_into_each_others_way(lost: Lost, tmp_path: Path) -> None:
    refused: list[str] = []

    def begin_another(done: int, total: int, text: str) -> None:
        if text.startswith("restoring the log") and not refused:
            with pytest.raises(Config, match=r"another recovery into .* is at work") as error:
                recovered(lost, tmp_path / "data")
            refused.append(str(error.value))

    assert recover_folder(lost.backups, tmp_path / "data", None, begin_another).whole
    assert refused
    with pytest.raises(Config, match="not an empty folder"):
        recovered(lost, tmp_path / "data")


def test_a_recovery_that_ended_while_another_read_the_backups_is_not_followed_by_that_one(
    lost: Lost, tmp_path: Path
) -> None:
    did: list[str] = []

    def be_overtaken(done: int, total: int, text: str) -> None:
        if text.startswith("comparing the logs") and not did:
            assert recovered(lost, tmp_path / "data").whole
            did.append("recovered")
        elif text.startswith("taking"):
            did.append("took again")

    with pytest.raises(Config, match="not an empty folder"):
        recover_folder(lost.backups, tmp_path / "data", None, be_overtaken)
    assert did == ["recovered"]
    assert (tmp_path / "data" / "vault.json").exists()
    shutil.rmtree(tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir() if path.name != "backups"] == [".data.recovering"]


def test_a_link_to_where_the_data_folder_shall_be_stays_a_link(lost: Lost, tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    for target in ("large disk/there already", "large disk/not yet"):
        (tmp_path / "data").symlink_to(tmp_path / target)
        if target.endswith("already"):
            (tmp_path / target).mkdir()
        assert recovered(lost, tmp_path / "data").whole
        assert (tmp_path / "data").is_symlink()
        assert (tmp_path / target / "vault.json").exists()
        (tmp_path / "data").unlink()
