"""The command line at a node that lets accounts make few requests: it waits as it is told, and completes."""

import urllib.request
from pathlib import Path

import pytest

from tests.e2e.cli.conftest import Shell
from tests.e2e.node_process import NodeProcess

pytestmark = [pytest.mark.slow, pytest.mark.long]

PASSWORD = "a password of hers"
FILES = 70
FEW = {"GOVAULT_LIMITS__REQUESTS_PER_MINUTE__ACCOUNT": "60"}


def refused(url: str) -> int:
    """How many requests the node has answered with 429."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    counts = [line for line in text.splitlines() if line.startswith("govault_http_request_seconds_count")]
    return sum(int(float(line.rpartition(" ")[2])) for line in counts if 'status="429"' in line)


def test_a_tree_comes_down_whole_however_few_requests_may_be_made(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", environment={**FEW, "GOVAULT_SERVER__DOORS__METRICS_PUBLIC": "true"})
    node.start()
    try:
        govault = Shell(node.root)
        tree, back = tmp_path / "tree", tmp_path / "back"
        tree.mkdir()
        for number in range(FILES):
            (tree / f"{number}.txt").write_text(f"content {number}")
        govault.ok("upload", str(tree), "main:/")
        govault.ok("user", "create", "eve", "--password", stdin=f"{PASSWORD}\n".encode())
        govault.ok("access", "grant", "main:/tree", "users", "read")
        govault.ok("login", "eve", stdin=f"{PASSWORD}\n".encode())
        govault.ok("download", "main:/tree", str(back))
        assert {path.name: path.read_text() for path in back.rglob("*.txt")} == {
            f"{number}.txt": f"content {number}" for number in range(FILES)
        }
        assert refused(node.url) > 0
    finally:
        node.stop()
