"""Small writes and reads in the background of a measurement: their latencies, and every one that failed."""

import hashlib
import random
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from deploy.local.node_process import NodeProcess
from tests.benchmarks.cluster.requests import FAILURES, Clients

SIZES_BYTES = (4_096,) * 6 + (30_000, 300_000)
JOIN_S = 180.0


@dataclass
class Traffic:
    """Threads that write a small file and read one of those written, in turns, for as long as this is entered.

    Attributes:
        through: The nodes that they use; one that may be killed must not be among them.
        written: path → SHA-256 of what was acknowledged.
        put_s: Seconds of each acknowledged write of 4 KB, tries again included.
        get_s: Seconds of each read of 4 KB.
        longest_write_s: Of all writes, whatever their size.
        refused: Tries of a write that were answered 503 or broke off, and were repeated.
        late: Reads of a file that the node asked did not know yet.
    """

    token: str
    through: Sequence[NodeProcess]
    threads: int = 2
    pause_s: float = 0.1
    name: str = "traffic"
    written: dict[str, str] = field(default_factory=dict)
    put_s: list[float] = field(default_factory=list)
    get_s: list[float] = field(default_factory=list)
    longest_write_s: float = 0.0
    reads: int = 0
    late: int = 0
    refused: int = 0
    failed_reads: list[str] = field(default_factory=list)
    failed_writes: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Traffic":
        for number in range(self.threads):
            thread = threading.Thread(target=self._work, args=(number,), daemon=True)
            self._running.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._running:
            thread.join(timeout=JOIN_S)

    def _work(self, number: int) -> None:
        rng = random.Random(f"{self.name} {number}")
        clients = Clients(self.through, self.token)
        mine: list[tuple[str, int]] = []
        while not self._stop.wait(self.pause_s):
            path, size_bytes = f"{self.name}/{number}/{len(mine)}-{rng.getrandbits(32):08x}", rng.choice(SIZES_BYTES)
            self._write(clients, path, rng.randbytes(size_bytes), rng)
            if path in self.written:
                mine.append((path, size_bytes))
            if mine:
                self._read(clients, *rng.choice(mine), rng)

    def _write(self, clients: Clients, path: str, content: bytes, rng: random.Random) -> None:
        try:
            done = clients.write(path, content, rng.randrange(len(self.through)))
        except RuntimeError as error:
            self.failed_writes.append(str(error))
            return
        self.written[path] = hashlib.sha256(content).hexdigest()
        self.refused += done.refused
        self.longest_write_s = max(self.longest_write_s, done.took_s)
        if len(content) == min(SIZES_BYTES):
            self.put_s.append(done.took_s)

    def _read(self, clients: Clients, path: str, size_bytes: int, rng: random.Random) -> None:
        node = rng.choice(self.through)
        began_s = time.monotonic()
        try:
            status, content = clients.of(node).get(path)
        except FAILURES as error:
            self.failed_reads.append(f"{path} through {node.root.name}: {error!r}")
            return
        self.reads += 1
        if status == 404:
            self.late += 1
        elif (status, hashlib.sha256(content).hexdigest()) != (200, self.written[path]):
            self.failed_reads.append(f"{path} through {node.root.name}: {status} {content[:200]!r}")
        elif size_bytes == min(SIZES_BYTES):
            self.get_s.append(time.monotonic() - began_s)


def differing(nodes: Sequence[NodeProcess], token: str, written: dict[str, str]) -> list[str]:
    """Read every file through the nodes in turns: those that are not as they were written, and what came instead."""
    clients, wrong = Clients(nodes, token), []
    for number, (path, sha256) in enumerate(written.items()):
        node = nodes[number % len(nodes)]
        status, content = 0, b"no answer"
        with suppress(*FAILURES):
            status, content = clients.of(node).get(path)
        if (status, hashlib.sha256(content).hexdigest()) != (200, sha256):
            wrong.append(f"{path} through {node.root.name}: {status} {content[:200]!r}")
    return wrong
