"""One real node for all of these tests, and the command line against it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from govault.cli.main import app
from tests.e2e.node_process import NodeProcess


@dataclass(frozen=True)
class Ran:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its stdout as one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Its stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Shell:
    """Runs commands against the node, in this process or in one of their own."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        """Of a user whose only configuration is the data folder's place."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GOVAULT_")}
        return {
            **kept,
            "GOVAULT_SERVER__STORAGE_ROOT": str(self.root),
            "XDG_CONFIG_HOME": "/nonexistent",
            "XDG_STATE_HOME": str(self.root.parent / "state"),
        }

    def __call__(self, *words: str, stdin: bytes | None = None) -> Ran:
        """Run a command in this process."""
        ran = CliRunner().invoke(app, list(words), input=stdin, env=self.environment)
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return Ran(ran.exit_code, ran.stdout, ran.stderr)

    def ok(self, *words: str, stdin: bytes | None = None) -> Ran:
        """The same; it must succeed."""
        ran = self(*words, stdin=stdin)
        assert ran.code == 0, f"govault {' '.join(words)}: exit {ran.code}\n{ran.out}\n{ran.err}"
        return ran

    def process(self, *words: str, **options: Any) -> "subprocess.Popen[bytes]":
        """Begin a command in a process of its own."""
        command = [sys.executable, "-m", "govault.cli", *words]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(command, env=self.environment, **{**pipes, **options})


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node that lives as long as the tests."""
    process = NodeProcess(tmp_path_factory.mktemp("node") / "data")
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
def govault(node: NodeProcess) -> Shell:
    """The command line."""
    return Shell(node.root)


@pytest.fixture
def space(govault: Shell, request: pytest.FixtureRequest) -> str:
    """A fresh space, empty when the test begins."""
    name = f"test-{abs(hash(request.node.nodeid)) % 10**12}"
    govault.ok("space", "create", name)
    return name
