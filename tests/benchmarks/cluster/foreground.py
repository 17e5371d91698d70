"""What small requests feel while a node is being filled again, at several budgets, against none being filled."""

import shutil
import time
from collections.abc import Sequence

from deploy.local.node_process import NodeProcess
from tests.benchmarks.cluster.healing import UNDER_WAY, wait_whole
from tests.benchmarks.cluster.percentiles import p50_p99_ms
from tests.benchmarks.cluster.traffic import Traffic
from tests.benchmarks.table import Table
from tests.e2e.cluster.vault import Vault

BUDGETS_MIB_S = (32, 8)


def measure(table: Table, vault: Vault, seconds: float) -> dict[str, str]:
    """Add the rows; ``seconds`` without repair. Returns path → SHA-256 of what was written meanwhile."""
    filled, asked = vault.nodes[1], [vault.nodes[0], vault.nodes[2]]
    quiet = Traffic(vault.token_of_all, asked, name="quiet")
    with quiet:
        time.sleep(seconds)
    _tell(table, "no repair", quiet, None, "")
    written = dict(quiet.written)
    for budget in BUDGETS_MIB_S:
        _set_budget(vault.nodes, budget)
        busy = Traffic(vault.token_of_all, asked, name=f"budget-{budget}")
        filled.kill()
        shutil.rmtree(filled.root / "store")
        began_s = time.monotonic()
        filled.start()
        with busy:
            healed = wait_whole(vault, filled, began_s, UNDER_WAY)
        _tell(table, f"repair at {budget} MiB/s", busy, quiet, f"; filled in {healed}")
        written |= busy.written
    return written


def _set_budget(nodes: Sequence[NodeProcess], budget_mib_s: int) -> None:
    for node in nodes:
        node.environment["GOVAULT_WORKERS__REPAIR_BYTES_PER_S"] = f"{budget_mib_s}MiB"
        node.stop()
        node.start()


def _tell(table: Table, when: str, traffic: Traffic, quiet: Traffic | None, more: str) -> None:
    for failed in (*traffic.failed_reads[:3], *traffic.failed_writes[:3]):
        table.note(failed)
    for what, took, before in (
        ("GET", traffic.get_s, quiet.get_s if quiet else None),
        ("PUT", traffic.put_s, quiet.put_s if quiet else None),
    ):
        p50, p99 = p50_p99_ms(took)
        peer = ""
        ratio = None
        if before is not None:
            quiet_p50, quiet_p99 = p50_p99_ms(before)
            peer, ratio = f"no repair p50 {quiet_p50:.0f} ms p99 {quiet_p99:.0f} ms", p99 / quiet_p99
        table.add(f"{what} of 4 KB, {when}", f"p50 {p50:.0f} ms p99 {p99:.0f} ms", peer=peer, ratio=ratio)
    table.note(f"{len(traffic.get_s)} GETs, {len(traffic.put_s)} PUTs{more}")
