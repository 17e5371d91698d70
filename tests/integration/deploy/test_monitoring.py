"""What ships for operators holds: alert rules fire as written, name metrics that exist, and /metrics is well formed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.e2e.node_process import NodeProcess
from tests.fakes.world import FakeClock
from tests.unit.services.cluster.test_network import Peers, network_of

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("promtool is missing, and CI must not skip this")
        pytest.skip("promtool is not installed (Debian: prometheus)")
    return found


def test_the_alert_rules_are_valid_and_fire_as_written(promtool: str) -> None:
    for arguments in (["check", "rules", "govault.rules.yml"], ["test", "rules", "govault.rules.test.yml"]):
        done = subprocess.run(
            [promtool, *arguments], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_metrics_of_a_node_are_well_formed_and_hold_what_the_rules_read(promtool: str, tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "vault")
    node.start()
    try:
        answer = httpx.get(f"{node.url}/metrics", headers={"Authorization": f"Bearer {node.token}"})
    finally:
        node.stop()
    assert answer.status_code == 200
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=answer.text, capture_output=True, text=True, check=False, timeout=60
    )
    assert "error while linting" not in checked.stderr, checked.stderr
    told = set(re.findall(r"^# TYPE (govault_\w+)", answer.text, re.MULTILINE))
    read = set(re.findall(r"\bgovault_[a-z_]+\b", (DEPLOY / "prometheus/govault.rules.yml").read_text()))
    # This node is alone: what one among many tells of its links comes on top.
    told |= {family.name for family in network_of(2, Peers(), FakeClock()).network.collect()}
    assert read <= told, read - told
