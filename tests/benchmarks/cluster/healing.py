"""A node killed, emptied, and replaced, under load: what failed meanwhile, and how long until every chunk is whole."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.node_process import NodeProcess
from tests.benchmarks.cluster.traffic import Traffic, differing
from tests.benchmarks.cluster.transfers import Upload, upload
from tests.benchmarks.table import Table
from tests.e2e.cluster.vault import Vault

MB = 1e6
WHOLE_S = 300.0
UNDER_WAY = 20


@dataclass(frozen=True)
class Healed:
    """Until every chunk had its R replicas again.

    Attributes:
        repaired_bytes: Sealed bytes that were made again on the node that lacked them.
    """

    took_s: float
    repaired_bytes: int

    def __str__(self) -> str:
        return f"{self.took_s:.1f} s, {self.repaired_bytes / MB:.0f} MB at {self.rate:.1f} MB/s"

    @property
    def rate(self) -> float:
        """MB/s."""
        return self.repaired_bytes / MB / self.took_s


def wait_whole(vault: Vault, filled: NodeProcess, since_s: float, under_way: int = 0) -> Healed:
    """Wait until all nodes have the same chunks and none waits for repair.

    Args:
        filled: The node that lacks them.
        since_s: When that began, by the monotonic clock.
        under_way: So many chunks may be on their way, since others write meanwhile.
    """

    def whole() -> bool:
        repairs = [vault.document(node, "/admin/repair") for node in vault.nodes]
        if any(one["walk"]["running"] or not one["layout_reached"] for one in repairs):
            return False
        if max(one["queue"]["chunks"] for one in repairs) > under_way:
            return False
        counts = [vault.document(node, "/stats")["store"]["chunks"] for node in vault.nodes]
        return max(counts) - min(counts) <= under_way

    vault.wait("every replica is in its place", whole, WHOLE_S)
    took_s = time.monotonic() - since_s
    return Healed(took_s, vault.document(filled, "/admin/repair")["done"]["repaired_bytes"])


def measure(table: Table, vault: Vault, tree: Path, size_bytes: int) -> dict[str, str]:
    """Add the rows of a killed, an emptied and a replaced node. Returns path → SHA-256 of all that was written."""
    written = _killed(table, vault, tree, size_bytes)
    _emptied(table, vault, written)
    _replaced(table, vault, written)
    return written


def _killed(table: Table, vault: Vault, tree: Path, size_bytes: int) -> dict[str, str]:
    victim, token = vault.nodes[2], vault.token_of_all

    def kill_halfway(done: Upload) -> None:
        if victim.runs and done.size_bytes > size_bytes // 2:
            victim.kill()

    with Traffic(token, vault.nodes[:2], name="killed") as traffic:
        done = upload(vault.nodes, token, tree, "tree", kill_halfway)
        began_s = time.monotonic()
        victim.start()
        ready_s = time.monotonic() - began_s
        healed = wait_whole(vault, victim, began_s, UNDER_WAY)
    table.add(
        "upload through 3 nodes, one killed halfway", f"{done.size_bytes / MB / done.took_s:.1f} MB/s",
        peer=f"{done.refused} tries again, longest {done.longest_write_s:.1f} s",
        value=float(len(done.failed)), at_most=0, unit=" failed",
    )  # fmt: skip
    _tell(table, "a node killed", traffic)
    _settle(table, vault, victim)
    table.add("killed node: its start → all at R again", str(healed), peer=f"ready after {ready_s:.1f} s")
    written = done.written | traffic.written
    _compare(table, "after the kill", [victim], token, written)
    return written


def _emptied(table: Table, vault: Vault, written: dict[str, str]) -> None:
    victim = vault.nodes[1]
    others = [node for node in vault.nodes if node is not victim]
    with Traffic(vault.token_of_all, others, name="emptied") as traffic:
        victim.kill()
        shutil.rmtree(victim.root / "store")
        began_s = time.monotonic()
        victim.start()
        healed = wait_whole(vault, victim, began_s, UNDER_WAY)
    _tell(table, "a node emptied", traffic)
    _settle(table, vault, victim)
    table.add("emptied node: its start → all at R again", str(healed))
    written |= traffic.written
    _compare(table, "after the loss of its store", [victim], vault.token_of_all, written)


def _replaced(table: Table, vault: Vault, written: dict[str, str]) -> None:
    """The last node dies for good; a new one joins, and the dead one is removed."""
    lost, first = vault.nodes[2], vault.nodes[0]
    with Traffic(vault.token_of_all, vault.nodes[:2], name="replaced") as traffic:
        began_s = time.monotonic()
        lost.kill()
        vault.nodes.remove(lost)
        joined = vault.add_node()
        first.cli("peers", "remove", lost.root.name, "--force", "--yes")
        vault.wait("the layout is of those who live", lambda: _holders(vault) == _ids(vault.nodes), WHOLE_S)
        healed = wait_whole(vault, joined, began_s, UNDER_WAY)
    shutil.rmtree(lost.root)
    _tell(table, "a node replaced", traffic)
    _settle(table, vault, joined)
    table.add("replaced node: its death → all at R again", str(healed))
    written |= traffic.written
    _compare(table, "after it was replaced", [joined], vault.token_of_all, written)


def _holders(vault: Vault) -> set[str]:
    layout = vault.document(vault.nodes[0], "/layout")
    return {holder["node_id"] for holder in layout["holders"]} if len(layout["steps"]) == 1 else set()


def _ids(nodes: Sequence[NodeProcess]) -> set[str]:
    return {str(node.facts["node_id"]) for node in nodes}


def _tell(table: Table, what: str, traffic: Traffic) -> None:
    """What the small writes and reads went through meanwhile."""
    for failed in (*traffic.failed_reads[:3], *traffic.failed_writes[:3]):
        table.note(failed)
    table.add(
        f"{what}: reads that failed", f"{len(traffic.failed_reads)} of {traffic.reads}",
        value=float(len(traffic.failed_reads)), at_most=0,
    )  # fmt: skip
    table.add(
        f"{what}: writes that failed", f"{len(traffic.failed_writes)} of {len(traffic.written)}",
        peer=f"{traffic.refused} tries again, longest {traffic.longest_write_s:.1f} s",
        value=float(len(traffic.failed_writes)), at_most=0,
    )  # fmt: skip
    table.note(f"{traffic.late} reads asked a node that did not know the file yet")


def _settle(table: Table, vault: Vault, filled: NodeProcess) -> None:
    """Not one chunk may lack when nobody writes any more."""
    took_s = wait_whole(vault, filled, time.monotonic()).took_s
    table.note(f"every chunk of every node at R {took_s:.1f} s after the last write")


def _compare(table: Table, when: str, nodes: Sequence[NodeProcess], token: str, written: dict[str, str]) -> None:
    wrong = differing(nodes, token, written)
    for one in wrong[:3]:
        table.note(one)
    table.add(
        f"files that differ, {when}", f"{len(wrong)} of {len(written)}", value=float(len(wrong)), at_most=0,
        peer=f"through {nodes[0].root.name}",
    )  # fmt: skip
