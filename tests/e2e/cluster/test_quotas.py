"""Quotas of a space on two nodes at once: the log's order decides who had the last of it, the same on every node."""

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from deploy.local.node_process import NodeProcess
from tests.e2e.cluster.test_people import ask
from tests.e2e.cluster.vault import Vault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROUNDS = 8
WRITERS_EACH = 4
SIZE_BYTES = 1000


def make_bounded(vault: Vault, name: str, **quota: int) -> None:
    """A space that every node knows, with a quota."""
    asked = {"name": name, "quota": quota}

    def is_made() -> bool:
        # Quotas are decided once all members know how: for a moment a fresh vault refuses them.
        status, told = ask(vault.nodes[0], "POST", "/spaces", asked, vault.token_of_all)
        assert status in (201, 409), told
        return status == 201

    def is_known(node: NodeProcess) -> bool:
        return bool(space(vault, node, name)["state"] == "open")

    vault.wait(f"the space {name}", is_made, 30)
    for node in vault.nodes:
        vault.wait("every node knows it", partial(is_known, node))


def space(vault: Vault, node: NodeProcess, name: str) -> Any:
    return vault.document(node, f"/spaces/{name}")


def has_files(vault: Vault, node: NodeProcess, name: str) -> bool:
    return bool(space(vault, node, name)["files"])


def race(vault: Vault, name: str) -> Counter[int]:
    """How many writers were told what: all at once, half of them through either of two nodes."""
    ready = threading.Barrier(2 * WRITERS_EACH)

    def write(number: int) -> int:
        content = os.urandom(SIZE_BYTES)
        ready.wait(30)
        return vault.ask(vault.nodes[number % 2], "PUT", f"/spaces/{name}/files/{number}", content)[0]

    with ThreadPoolExecutor(2 * WRITERS_EACH) as threads:
        return Counter(threads.map(write, range(2 * WRITERS_EACH)))


def folded(vault: Vault, node: NodeProcess) -> list[tuple[Any, ...]]:
    """Position and digests of the partitions that spaces lie in."""
    rows = vault.document(node, "/admin/views")["partitions"]
    return [(row["partition"], row["applied"], row["history"], row["view"]) for row in rows if row["topic"] == "files"]


def committed(vault: Vault) -> int:
    """How many commits the log has, accepted or not."""
    status, body = vault.ask(vault.nodes[0], "GET", "/admin/log/records?topic=files&limit=10000")
    assert status == 200
    return sum("version_committed" in line for line in body.decode().splitlines())


@pytest.mark.parametrize("bound", [{"bytes_max": SIZE_BYTES}, {"files_max": 1}], ids=["bytes", "files"])
def test_of_writers_through_two_nodes_exactly_one_gets_the_last_of_a_quota(vault: Vault, bound: dict[str, int]) -> None:
    before = committed(vault)
    for number in range(ROUNDS):
        name = f"race-{'-'.join(bound).replace('_', '-')}-{number}"
        make_bounded(vault, name, **bound)
        assert race(vault, name) == {201: 1, 507: 2 * WRITERS_EACH - 1}
        for node in vault.nodes:
            vault.wait("every node has read the write", partial(has_files, vault, node, name))
            told = space(vault, node, name)
            assert (told["files"], told["versions"], told["logical_bytes"]) == (1, 1, SIZE_BYTES), node.root.name
    # Not the doors alone have refused: more came to the log than fitted, and every node decided the same.
    assert committed(vault) - before > ROUNDS
    vault.wait("all digests are equal", lambda: len({tuple(folded(vault, node)) for node in vault.nodes}) == 1)
