"""The OpenAPI document against a real node, by a tool that knows only the document."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.node_process import NodeProcess

PROJECT = Path(__file__).parents[3]
RUN_S = 60


@pytest.mark.slow
@pytest.mark.timeout(RUN_S * 4)
def test_schemathesis_finds_no_failure(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data")
    node.root.mkdir()
    shutil.copy(PROJECT / "schemathesis.toml", tmp_path)
    node.start()
    try:
        found = subprocess.run(
            [
                *(Path(sys.executable).parent / "schemathesis", "run", f"{node.url}/openapi.json"),
                *("--header", f"Authorization: Bearer {node.token}"),
                *("--max-time", str(RUN_S), "--max-examples", "20"),
            ],
            cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("schemathesis_hooks.py"))},
            capture_output=True,
            text=True,
            timeout=RUN_S * 3,
            check=False,
        )
    finally:
        node.stop()
    failures = found.stdout[max(0, found.stdout.find("= FAILURES =")) :]
    assert found.returncode == 0, failures[:8000] + found.stderr[-2000:]
