"""Memory: of an idle node with its log, and while a file much larger than memory should be goes in and out."""

import random
import subprocess
import threading
import time
from pathlib import Path
from typing import IO

from govault.limits import MIB
from tests.benchmarks.processes import peak_rss_bytes, rss_bytes
from tests.benchmarks.table import Table
from tests.e2e.node_process import NodeProcess

IDLE_S = 5.0
_BLOCK_BYTES = 1 * MIB


def measure(table: Table, scratch: Path, quick: bool) -> None:
    """Add the rows of memory."""
    node = NodeProcess(scratch / "vault")
    began = time.monotonic()
    node.start()
    first_s = time.monotonic() - began
    node.stop()
    began = time.monotonic()
    node.start()
    table.add("process start → ready, nothing to rebuild", f"{time.monotonic() - began:.2f} s",
              value=time.monotonic() - began, at_most=3, unit=" s")  # fmt: skip
    table.note(f"the very first start, which makes the vault, took {first_s:.2f} s")
    try:
        time.sleep(IDLE_S)
        log = int(str(node.facts["log_pid"]))
        idle = rss_bytes(node.pid) + rss_bytes(log)
        table.add("idle RSS of node and log", f"{idle / 1e6:.0f} MB", value=idle / 1e6, at_most=200, unit=" MB")
        size_bytes = (1 if quick else 10) * 1000 * 1000 * 1000
        url = f"{node.url}/spaces/main/files/large.bin"
        took_s = _up(url, node.token, size_bytes)
        table.note(f"a file of {size_bytes / 1e9:.0f} GB went in at {size_bytes / 1e6 / took_s:.0f} MB/s")
        began = time.monotonic()
        _down(url, node.token, size_bytes)
        table.note(f"and came out at {size_bytes / 1e6 / (time.monotonic() - began):.0f} MB/s, equal")
        peak = peak_rss_bytes(node.pid)
        table.add(f"peak RSS of the node, {size_bytes / 1e9:.0f} GB in and out", f"{peak / 1e6:.0f} MB",
                  value=peak / 1e6, at_most=300, unit=" MB")  # fmt: skip
    finally:
        node.stop()


def _blocks(size_bytes: int) -> list[bytes]:
    """What the file is made of, again and again with a running number: neither repeats nor compresses well."""
    return [random.Random(number).randbytes(_BLOCK_BYTES - 8) for number in range(16)] if size_bytes else []


def _write(into: IO[bytes], size_bytes: int) -> None:
    blocks = _blocks(size_bytes)
    left, number = size_bytes, 0
    while left > 0:
        block = _block(blocks, number)[:left]
        into.write(block)
        left -= len(block)
        number += 1
    into.close()


def _block(blocks: list[bytes], number: int) -> bytes:
    # Every byte differs from that of the round before, so that no chunk is known already.
    table = bytes((byte + number // len(blocks) * 7) % 256 for byte in range(256))
    return number.to_bytes(8, "big") + blocks[number % len(blocks)].translate(table)


def _up(url: str, token: str, size_bytes: int) -> float:
    began = time.monotonic()
    client = subprocess.Popen(
        ["curl", "-sS", "--fail", "-o", "/dev/null", "-T", "-", "-H", f"Authorization: Bearer {token}", url],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert client.stdin is not None
    writer = threading.Thread(target=_write, args=(client.stdin, size_bytes), daemon=True)
    writer.start()
    if client.wait(timeout=1800):
        raise RuntimeError(f"the upload failed with {client.returncode}")
    writer.join()
    return time.monotonic() - began


def _down(url: str, token: str, size_bytes: int) -> None:
    """Fetch it and compare every byte."""
    client = subprocess.Popen(
        ["curl", "-sS", "--fail", "-H", f"Authorization: Bearer {token}", url],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert client.stdout is not None
    blocks, number, left = _blocks(size_bytes), 0, size_bytes
    while left > 0:
        wanted = _block(blocks, number)[:left]
        if client.stdout.read(len(wanted)) != wanted:
            raise RuntimeError(f"the file differs in its {number}th MiB")
        left -= len(wanted)
        number += 1
    client.stdout.close()
    if client.wait(timeout=60):
        raise RuntimeError(f"the download failed with {client.returncode}")
