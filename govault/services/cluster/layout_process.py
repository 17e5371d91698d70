"""Layouts are computed in a child process: a second of arithmetic would hold the loop up by tens of milliseconds.

``python -m govault.services.cluster.layout_process`` reads one question from standard input and writes the answer to
standard output, both JSON.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from govault.domain.layout import decode_table, encode_table
from govault.domain.placement import Computed, Previous, compute
from govault.domain.placement_quotas import PlacedNode
from govault.errors import GoVaultError
from govault.limits import LAYOUT_COMPUTE_S_MAX

_PACKAGES = str(Path(__file__).resolve().parents[2])
_SAID_BYTES_MAX = 2000


async def compute_in_child(nodes: Sequence[PlacedNode], replicas: int, previous: Previous | None) -> Computed:
    """``placement.compute`` beside the loop. Cancelled, it ends the child.

    Raises:
        GoVaultError: The child failed, or took longer than LAYOUT_COMPUTE_S_MAX.
    """
    path = os.pathsep.join(filter(None, [_PACKAGES, os.environ.get("PYTHONPATH")]))
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "govault.services.cluster.layout_process"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        async with asyncio.timeout(LAYOUT_COMPUTE_S_MAX):
            answer, said = await child.communicate(_question(nodes, replicas, previous))
    except TimeoutError:
        raise GoVaultError(f"computing a layout took longer than {LAYOUT_COMPUTE_S_MAX:g} s") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        raise GoVaultError(f"computing a layout failed: {said[-_SAID_BYTES_MAX:].decode(errors='replace')}")
    return _computed(answer)


def _question(nodes: Sequence[PlacedNode], replicas: int, previous: Previous | None) -> bytes:
    before = None
    if previous is not None:
        width = len(previous.holders[0])
        before = {"node_ids": previous.node_ids, "width": width, "table": encode_table(previous.holders)}
    asked = [(node.node_id, node.weight, node.zone) for node in nodes]
    return json.dumps({"nodes": asked, "replicas": replicas, "previous": before}).encode()


def _answer(question: bytes) -> bytes:
    asked = json.loads(question)
    previous = None
    if (before := asked["previous"]) is not None:
        previous = Previous(tuple(before["node_ids"]), _rows(before["table"], before["width"], len(before["node_ids"])))
    computed = compute([PlacedNode(*node) for node in asked["nodes"]], asked["replicas"], previous)
    nodes = [(node.node_id, node.weight, node.zone) for node in computed.nodes]
    width = len(computed.table[0])
    told = {"nodes": nodes, "width": width, "quotas": computed.quotas, "table": encode_table(computed.table)}
    return json.dumps(told).encode()


def _computed(answer: bytes) -> Computed:
    told = json.loads(answer)
    nodes = tuple(PlacedNode(*node) for node in told["nodes"])
    return Computed(nodes, _rows(told["table"], told["width"], len(nodes)), tuple(told["quotas"]))


def _rows(table: str, width: int, nodes: int) -> list[list[int]]:
    flat = decode_table(table, width, nodes)
    return [flat[at : at + width].tolist() for at in range(0, len(flat), width)]


if __name__ == "__main__":
    sys.stdout.buffer.write(_answer(sys.stdin.buffer.read()))
