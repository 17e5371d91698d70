"""A client of one node for one thread: a connection that is kept, and files put and got over it."""

import http.client
import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from deploy.local.node_process import NodeProcess

TIMEOUT_S = 60.0
PAUSE_S = 0.2
GIVE_UP_S = 120.0
FAILURES = (OSError, http.client.HTTPException)


class Written(NamedTuple):
    """A write that was acknowledged.

    Attributes:
        took_s: From the first try to the acknowledgement.
        refused: Tries that were answered 503 or broke off.
    """

    took_s: float
    refused: int


class Client:
    """Requests to one node as its administrator."""

    def __init__(self, node: NodeProcess, token: str) -> None:
        where = urlsplit(node.url)
        self._connection = http.client.HTTPConnection(where.hostname or "", where.port or 0, timeout=TIMEOUT_S)
        self._headers = {"Authorization": f"Bearer {token}"}

    def put(self, path: str, content: bytes) -> int:
        """The status of an upload; raises one of FAILURES where there is none."""
        return self._ask("PUT", path, content)[0]

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and content of a file; raises one of FAILURES where there is none."""
        return self._ask("GET", path, None)

    def close(self) -> None:
        """Drop the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        try:
            self._connection.request(method, f"/spaces/main/files/{quote(path)}", body, self._headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except FAILURES:
            self._connection.close()
            raise


class Clients:
    """Clients of several nodes: one thread's."""

    def __init__(self, nodes: Sequence[NodeProcess], token: str) -> None:
        self.nodes = nodes
        self._token = token
        self._clients: dict[str, Client] = {}

    def of(self, node: NodeProcess) -> Client:
        """The client of a node, where it listens now; raises OSError while it does not run."""
        try:
            url = node.url
        except (OSError, ValueError, KeyError) as error:
            raise ConnectionError(f"{node.root.name} is not there") from error
        if url not in self._clients:
            self._clients[url] = Client(node, self._token)
        return self._clients[url]

    def write(self, path: str, content: bytes, first: int) -> Written:
        """Put a file through one node, and where that fails through the next, as clients of a vault do.

        Raises:
            RuntimeError: It was refused for good, or not acknowledged in GIVE_UP_S.
        """
        began_s, refused = time.monotonic(), 0
        while True:
            node = self.nodes[(first + refused) % len(self.nodes)]
            try:
                status, said = self.of(node).put(path, content), ""
            except FAILURES as error:
                status, said = 0, repr(error)
            if status in (200, 201):
                return Written(time.monotonic() - began_s, refused)
            if status not in (0, 202, 503) or time.monotonic() - began_s > GIVE_UP_S:
                raise RuntimeError(f"PUT {path} through {node.root.name}: {status} {said}")
            refused += 1
            time.sleep(PAUSE_S)
