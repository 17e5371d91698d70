"""The container image, without a container engine: its steps run in a folder, and its node starts and ends."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_steps_of_the_dockerfile_make_a_node_that_gets_healthy_and_ends_cleanly(tmp_path: Path) -> None:
    script = str(CHECKOUT / "deploy" / "check_image.py")
    done = subprocess.run(
        [sys.executable, script, str(tmp_path / "image")], capture_output=True, text=True, check=False, timeout=580
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "== healthy" in done.stdout
