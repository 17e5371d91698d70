"""A real cluster of processes, seen through its public doors."""

import hashlib
import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.local.cluster import LocalCluster
from deploy.local.node_process import NodeProcess

WAIT_S = 150.0
ANSWER_S = 60.0


class Vault(LocalCluster):
    """``LocalCluster`` with requests and waits."""

    def ask(
        self, node: NodeProcess, method: str, path: str, body: bytes | None = None, timeout_s: float = ANSWER_S
    ) -> tuple[int, bytes]:
        """Status and body of a request to a node.

        Raises:
            OSError: It does not answer.
        """
        where = urlsplit(node.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port or 0, timeout=timeout_s)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {self.token_of_all}"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    @property
    def token_of_all(self) -> str:
        """The administrator's token; every node has the same."""
        return self.nodes[0].token

    def document(self, node: NodeProcess, path: str) -> Any:
        """A JSON answer."""
        status, body = self.ask(node, "GET", path)
        assert status == 200, (status, body[:300])
        return json.loads(body)

    def put(self, node: NodeProcess, path: str, content: bytes) -> int:
        """The status of an upload."""
        return self.ask(node, "PUT", f"/spaces/main/files/{path}", content)[0]

    def get(self, node: NodeProcess, path: str) -> tuple[int, bytes]:
        """A file."""
        return self.ask(node, "GET", f"/spaces/main/files/{path}")

    # --- waiting ---------------------------------------------------------------------------------------------

    def wait(self, what: str, holds: Callable[[], bool], timeout_s: float = WAIT_S) -> float:
        """Return, with the seconds it took, once something holds; nodes that do not answer count as not holding it."""
        began_s = time.monotonic()
        while True:
            try:
                if holds():
                    return time.monotonic() - began_s
            except (OSError, http.client.HTTPException, AssertionError, ValueError):
                pass
            if time.monotonic() - began_s > timeout_s:
                tails = "\n".join(f"== {node.root.name}\n{node.log_tail()}" for node in self.nodes)
                raise AssertionError(f"not within {timeout_s:g} s: {what}\n{tails}")
            time.sleep(0.25)

    def wait_layout(self, holders: int) -> None:
        """Wait until so many nodes hold slots and nothing moves any more."""

        def settled() -> bool:
            layout = self.document(self.nodes[0], "/layout")
            return len(layout["holders"]) == holders and len(layout["steps"]) == 1

        self.wait(f"a layout of {holders}", settled)

    def wait_state(self, of: NodeProcess, state: str) -> float:
        """Wait until the others see a node so."""
        node_id = of.facts["node_id"]

        def seen() -> bool:
            asked = next(node for node in self.nodes if node.runs and node is not of)
            peers = self.document(asked, "/peers")["peers"]
            return bool(next(peer for peer in peers if peer["node_id"] == node_id)["state"] == state)

        return self.wait(f"{of.root.name} is {state}", seen)

    def wait_read(self, node: NodeProcess, path: str, content: bytes) -> None:
        """Wait until a node's views have a file, and give it."""
        self.wait(f"{node.root.name} has {path}", lambda: self.get(node, path) == (200, content), 60)

    def wait_whole(self) -> float:
        """Wait until every node has every chunk (three nodes, three replicas) and nothing waits for repair."""

        seen: list[object] = []

        def whole() -> bool:
            counts = [self.document(node, "/stats")["store"]["chunks"] for node in self.nodes]
            repairs = [self.document(node, "/admin/repair") for node in self.nodes]
            seen[:] = [counts, *repairs]
            return len(set(counts)) == 1 and all(
                one["queue"]["chunks"] == 0 and one["layout_reached"] for one in repairs
            )

        try:
            return self.wait("every replica is in its place", whole)
        except AssertionError as error:
            raise AssertionError(f"chunks of the nodes, and what their repair says: {seen}\n{error}") from error


@dataclass
class Load:
    """Writers and readers in threads; what was acknowledged is remembered, what failed too.

    Attributes:
        rest_s: How long each thread rests after a file.
        written: path → SHA-256 of the last acknowledged content.
        failed_reads: Acknowledged files that a live node did not give, and why.
        slowest_write_s: From the first try of a write to its acknowledgement, tries again included.
    """

    vault: Vault
    through: list[NodeProcess]
    writers: int = 3
    rest_s: float = 0.0
    written: dict[str, str] = field(default_factory=dict)
    failed_reads: list[str] = field(default_factory=list)
    failed_writes: list[str] = field(default_factory=list)
    reads: int = 0
    slowest_write_s: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _picking: threading.Lock = field(default_factory=threading.Lock)
    _under_way: Counter[str] = field(default_factory=Counter)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.through = list(self.through)

    def __enter__(self) -> "Load":
        for number in range(self.writers):
            thread = threading.Thread(target=self._work, args=(number,), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def stop_asking(self) -> None:
        """Nothing new is asked for; what is under way comes to its end. Failures after this are nobody's."""
        self._stop.set()

    def __exit__(self, *_: object) -> None:
        self.stop_asking()
        for thread in self._threads:
            thread.join(timeout=120)

    @contextmanager
    def away(self, node: NodeProcess) -> Iterator[None]:
        """Nobody asks the node inside, as behind a balancer that took it out; what is under way there ends first."""
        with self._picking:
            self.through.remove(node)
        self.vault.wait(f"nothing is under way at {node.root.name}", lambda: not self._under_way[node.root.name])
        yield
        with self._picking:
            self.through.append(node)

    @contextmanager
    def _asking(self, rng: random.Random) -> Iterator[NodeProcess]:
        with self._picking:
            node = rng.choice(self.through)
            self._under_way[node.root.name] += 1
        try:
            yield node
        finally:
            with self._picking:
                self._under_way[node.root.name] -= 1

    def wait_written(self, count: int) -> None:
        """Return when so many files more were acknowledged."""
        goal = len(self.written) + count
        self.vault.wait(f"{goal} files written", lambda: len(self.written) >= goal)

    def check(self) -> None:
        """Everything that was acknowledged is there, through every node."""
        for node in self.vault.nodes:
            for path, sha256 in self.written.items():
                status, body = self.vault.get(node, path)
                assert (status, hashlib.sha256(body).hexdigest()) == (200, sha256), (node.root.name, path, status)

    def _work(self, number: int) -> None:
        rng = random.Random(f"{id(self)} {number}")
        count = 0
        while not self._stop.is_set():
            count += 1
            path = f"load{id(self)}/{number}-{count}"
            content = rng.randbytes(rng.choice((10, 3_000, 300_000)))
            self._write(rng, path, content)
            if self.written:
                self._read(rng, rng.choice(list(self.written)))
            self._stop.wait(self.rest_s)

    def _write(self, rng: random.Random, path: str, content: bytes) -> None:
        """Try until it is acknowledged, as clients do on 503; give up after a minute."""
        began_s = time.monotonic()
        while not self._stop.is_set():
            try:
                with self._asking(rng) as node:
                    status = self.vault.put(node, path, content)
            except (OSError, http.client.HTTPException) as error:
                status, error_text = 0, repr(error)
            else:
                error_text = str(status)
            if status in (200, 201):
                self.written[path] = hashlib.sha256(content).hexdigest()
                self.slowest_write_s = max(self.slowest_write_s, time.monotonic() - began_s)
                return
            if status not in (0, 202, 503) or time.monotonic() - began_s > 60:
                self.failed_writes.append(f"{path}: {error_text}")
                return
            time.sleep(0.2)

    def _read(self, rng: random.Random, path: str) -> None:
        self.reads += 1
        try:
            with self._asking(rng) as node:
                status, body = self.vault.get(node, path)
        except (OSError, http.client.HTTPException) as error:
            self.failed_reads.append(f"{path} through {node.root.name}: {error!r}")
            return
        # A node that lags may not know the newest files yet: that is no lost file.
        if status == 404:
            return
        if (status, hashlib.sha256(body).hexdigest()) != (200, self.written[path]):
            self.failed_reads.append(f"{path} through {node.root.name}: {status} {body[:200]!r}")


def flip_bits(packs: Path, count: int, seed: int) -> int:
    """Flip so many bits over a node's packs, which must not be in use. Returns how many were."""
    rng, flipped = random.Random(seed), 0
    files = [path for path in sorted(packs.glob("**/*")) if path.is_file() and path.stat().st_size > 1000]
    for _ in range(count):
        path = rng.choice(files)
        with path.open("r+b") as file:
            at = rng.randrange(64, path.stat().st_size)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << rng.randrange(8)]))
        flipped += 1
    return flipped
