"""What machines do to nodes: disks that lose files or fill up, clocks that are wrong."""

import ctypes.util
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.node_process import NodeProcess
from tests.e2e.cluster.vault import Load, Vault

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(500)]

MIB = 1024 * 1024
SMALL_DISK_MIB = 96


def packs_of(node: NodeProcess) -> list[Path]:
    return [path for path in (node.root / "store" / "packs").rglob("*") if path.is_file()]


@pytest.mark.parametrize("running", [True, False], ids=["while it runs", "while it is down"])
def test_packs_that_are_deleted_are_made_again_and_no_read_goes_wrong(vault: Vault, running: bool) -> None:
    with Load(vault, vault.nodes, writers=2) as load:
        load.wait_written(20)
    vault.wait_whole()
    victim = vault.nodes[1]
    if not running:
        victim.kill()
    gone = packs_of(victim)
    assert gone
    for path in gone:
        path.unlink()
    if running:
        # What it holds open it still reads; a start finds the files gone.
        load.check()
        victim.kill()
    victim.start()
    for path, sha256 in list(load.written.items())[:10]:
        status, body = vault.get(victim, path)
        assert (status, hashlib.sha256(body).hexdigest()) == (200, sha256)
    vault.wait_whole()
    victim.cli("check", "--read-data", timeout_s=300)
    load.check()


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[None]:
    """A disk of that size in place of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    made = mount("-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder))
    if made.returncode:
        pytest.skip(f"this machine mounts nothing here: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def mount(*arguments: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    except OSError as error:
        return subprocess.CompletedProcess(arguments, 1, "", str(error))


def test_a_full_disk_stops_nobody_else_is_explained_and_fills_up_again_once_there_is_room(vault: Vault) -> None:
    victim = vault.nodes[2]
    others = vault.nodes[:2]
    assert victim.stop() == 0
    store = victim.root / "store"
    before = victim.root / "store.before"
    store.rename(before)
    try:
        with small_disk(store, SMALL_DISK_MIB):
            victim.start()
            written = {}
            for number in range(8):
                content = os.urandom(16 * MIB)
                written[f"large/{number}"] = content
                vault.wait(
                    f"upload {number}",
                    lambda n=number, c=content: vault.put(others[n % 2], f"large/{n}", c) in (200, 201),
                )  # type: ignore[misc]
            # 128 MiB do not fit: whoever asks the full node for a write hears why, and nothing of it is half there.
            vault.wait("the node is full", lambda: vault.put(victim, "on-the-full-one", os.urandom(8 * MIB)) == 507)
            assert vault.get(victim, "on-the-full-one")[0] == 404
            for path, content in written.items():
                vault.wait_read(victim, path, content)
            assert "disk has" in said_by_doctor(victim)
            grown = mount("-o", "remount,size=1g", str(store))
            assert grown.returncode == 0, grown.stderr
            vault.wait_whole()
            assert vault.put(victim, "on-the-full-one", b"now there is room") in (200, 201)
            victim.cli("check", "--read-data", timeout_s=300)
            victim.kill()
    finally:
        victim.kill()
        before.rename(store)
        victim.start()
    vault.wait_whole()
    for path, content in written.items():
        vault.wait_read(victim, path, content)


def said_by_doctor(node: NodeProcess) -> str:
    try:
        return node.cli("doctor").lower()
    except RuntimeError as error:
        return str(error).lower()


def faketime_library() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return str(found[0]) if found else ctypes.util.find_library("faketime") or ""


@pytest.mark.parametrize("offset", ["+3600", "-3600", "+864000"])
def test_a_node_whose_clock_is_wrong_loses_nothing_and_hurries_nothing(vault: Vault, offset: str) -> None:
    if not faketime_library():
        pytest.skip("libfaketime is not installed (apt-get install faketime)")
    with Load(vault, vault.nodes, writers=2) as load:
        load.wait_written(10)
    victim = vault.nodes[2]
    assert victim.stop() == 0
    ordinary = dict(victim.environment)
    victim.environment |= {
        "LD_PRELOAD": faketime_library(),
        "FAKETIME": f"{offset}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }
    try:
        victim.start()
        assert vault.put(victim, f"clock/{offset}", b"written by a wrong clock") in (200, 201)
        for node in vault.nodes:
            vault.wait_read(node, f"clock/{offset}", b"written by a wrong clock")
        # Unreferenced chunks go by epochs on the log: a clock that is ten days on opens none.
        status, body = vault.ask(victim, "POST", "/admin/gc", json.dumps({}).encode())
        assert status in (200, 202), body[:300]
        assert {peer["state"] for peer in vault.document(vault.nodes[0], "/peers")["peers"]} == {"up"}
        vault.wait_whole()
        load.check()
    finally:
        victim.stop()
        victim.environment = ordinary
        victim.start()
    vault.wait_whole()
    load.check()
