"""A real node process: `govault start` in a folder of its own, found through its node.json."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

READY_S = 60.0


@dataclass
class NodeProcess:
    """One node. ``start`` returns once it is ready; after ``kill`` it can be started again on the same folder.

    Attributes:
        environment: Its settings, ``GOVAULT_…``, and whatever else it and its commands should find there.
        wrapper: Words before the node's own command, of a program that becomes it, like ``ip netns exec <name>``.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def facts(self) -> dict[str, object]:
        """What the running node announced: url, pid, broker pid …"""
        loaded: dict[str, object] = json.loads((self.root / "node.json").read_text())
        return loaded

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.facts["url"])

    @property
    def token(self) -> str:
        """The administrator's bearer token."""
        return (self.root / "admin.token").read_text().strip()

    @property
    def pid(self) -> int:
        """Of the node."""
        assert self._process is not None
        return self._process.pid

    def log_tail(self) -> str:
        """The last lines it wrote."""
        return (self.root.parent / f"{self.root.name}.log").read_text(errors="replace")[-4000:]

    def _run(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", "from govault.cli.main import main; main()", *arguments]

    def _environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("GOVAULT_")},
            "GOVAULT_SERVER__STORAGE_ROOT": str(self.root),
            "GOVAULT_SERVER__LISTEN_ADDR": "127.0.0.1:0",
            **self.environment,
        }

    def cli(self, *arguments: str, timeout_s: float = 120.0) -> str:
        """What a `govault` command says on stdout, asked of this node.

        Raises:
            RuntimeError: It failed; carries what it said.
        """
        done = subprocess.run(
            self._run(*arguments), env=self._environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(
                f"govault {' '.join(arguments)} ended with {done.returncode}: {done.stderr}{done.stdout}"
            )
        return done.stdout

    def launch(self, *arguments: str) -> None:
        """Start the process without waiting for it."""
        (self.root / "node.json").unlink(missing_ok=True)
        with (self.root.parent / f"{self.root.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.wrapper, *self._run("start", *arguments)], env=self._environment(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip

    def start(self, *arguments: str) -> None:
        """Start it and wait until it is ready.

        Raises:
            RuntimeError: It ended or was not ready in time; carries its last lines.
        """
        self.launch(*arguments)
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until /readyz answers 200."""
        deadline = time.monotonic() + READY_S
        while not self._answers():
            assert self._process is not None
            if self._process.poll() is not None:
                raise RuntimeError(f"the node ended with {self._process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the node was not ready in {READY_S} s:\n{self.log_tail()}")
            time.sleep(0.03)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError, ValueError, KeyError):
            return False

    def wait_end(self, timeout_s: float = 30.0) -> int:
        """Its exit code, once it ended by itself."""
        assert self._process is not None
        return self._process.wait(timeout=timeout_s)

    @property
    def runs(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def send(self, which: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(which)

    def kill(self) -> None:
        """kill -9, and reap."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            code = self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        self._process = None
        return code
