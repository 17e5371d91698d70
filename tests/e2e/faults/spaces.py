"""Network namespaces: one for each node, on a bridge of their own, with links that can be cut and made lossy.

The machine itself has the first address of the bridge: there Kafka listens, and from there a test reaches every node,
whatever is cut between them.
"""

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass, field

TABLE = "inet cuts"
REST_PORT = 8080
PEER_PORT = 7946


def missing() -> str:
    """Why there are no namespaces here; empty where there are. In CI a missing tool is an error."""
    absent = [package for tool, package in (("ip", "iproute2"), ("nft", "nftables")) if shutil.which(tool) is None]
    if absent:
        reason = f"links are cut with {' and '.join(absent)} (Debian packages), which this machine does not have"
        if os.environ.get("CI"):
            raise RuntimeError(reason)
        return reason
    if os.geteuid():
        return "links are cut in network namespaces, and making those needs root"
    trial = f"gv{secrets.token_hex(3)}"
    try:
        _run("ip", "netns", "add", trial)
        try:
            _run("ip", "netns", "exec", trial, "nft", f"add table {TABLE}")
            _run("ip", "link", "add", trial, "type", "bridge")
            _run("ip", "link", "del", trial)
        finally:
            _run("ip", "netns", "del", trial)
    except RuntimeError as error:
        return f"this machine, root though we are, makes no network namespaces with bridges and nftables: {error}"
    return ""


@dataclass
class Spaces:
    """A bridge and namespaces ``1 … count``. ``open`` makes them, ``close`` removes all of it."""

    count: int
    name: str = field(default_factory=lambda: f"gv{secrets.token_hex(3)}")
    subnet: str = field(default_factory=lambda: f"10.213.{secrets.randbelow(250)}")

    @property
    def host(self) -> str:
        """The machine's own address on the bridge."""
        return f"{self.subnet}.1"

    def address(self, number: int) -> str:
        """Of a namespace."""
        return f"{self.subnet}.{number + 1}"

    def wrapper(self, number: int) -> tuple[str, ...]:
        """Words that run a command inside a namespace."""
        return ("ip", "netns", "exec", self._space(number))

    def open(self) -> None:
        """Make everything.

        Raises:
            RuntimeError: The machine refuses.
        """
        _run("ip", "link", "add", self.name, "type", "bridge")
        _run("ip", "address", "add", f"{self.host}/24", "dev", self.name)
        _run("ip", "link", "set", self.name, "up")
        for number in range(1, self.count + 1):
            space, cable = self._space(number), f"{self.name}-{number}"
            _run("ip", "netns", "add", space)
            _run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
            _run("ip", "link", "set", cable, "master", self.name, "up")
            self._inside(number, "ip", "address", "add", f"{self.address(number)}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                self._inside(number, "ip", "link", "set", device, "up")
            self._inside(number, "nft", f"add table {TABLE}")
            for hook in ("input", "output"):
                chain = f"add chain {TABLE} {hook} {{ type filter hook {hook} priority 0; policy accept; }}"
                self._inside(number, "nft", chain)

    def close(self) -> None:
        """Remove everything that ``open`` made, as far as it came."""
        for number in range(1, self.count + 1):
            _run("ip", "netns", "del", self._space(number), check=False)
        _run("ip", "link", "del", self.name, check=False)

    # --- trouble -------------------------------------------------------------------------------------------------

    def deafen(self, number: int, to: str, also: str = "") -> None:
        """A namespace drops whatever arrives from an address; what it sends there still leaves.

        Args:
            also: A further condition on the packets, in nft's words.
        """
        self._inside(number, "nft", f"add rule {TABLE} input ip saddr {to} {also} drop")

    def cut(self, one: int, other: int) -> None:
        """Nothing passes between two namespaces."""
        self.deafen(one, self.address(other))
        self.deafen(other, self.address(one))

    def cut_from_machine(self, number: int, port: int) -> None:
        """Nothing passes between a namespace and a port of the machine."""
        self.deafen(number, self.host, f"tcp sport {port}")
        self._inside(number, "nft", f"add rule {TABLE} output ip daddr {self.host} tcp dport {port} drop")

    def lose(self, number: int, percent: int) -> None:
        """So much of what arrives in a namespace is lost, requests to its REST door excepted."""
        rule = f"tcp dport != {REST_PORT} numgen random mod 100 < {percent} drop"
        self._inside(number, "nft", f"add rule {TABLE} input {rule}")

    def heal(self) -> None:
        """Everything passes again."""
        for number in range(1, self.count + 1):
            self._inside(number, "nft", f"flush table {TABLE}")

    def _space(self, number: int) -> str:
        return f"{self.name}-n{number}"

    def _inside(self, number: int, *command: str) -> None:
        _run(*self.wrapper(number), *command)


def _run(*command: str, check: bool = True) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
