"""The backstop of a shutdown: a process whose parts hang ends all the same, and says so."""

import subprocess
import sys
from pathlib import Path

from govault.node.serve import EXIT_CRASHED

HANGS = """
import sys, time
from pathlib import Path
from govault.node.folder import DataFolder
from govault.node.serve import end_in_any_case

folder = DataFolder.open(Path(sys.argv[1]))
folder.announce({"url": "http://nowhere"})
end_in_any_case(folder, within_s=0.1)
while True:
    time.sleep(3600)
"""


def test_a_node_whose_parts_hang_ends_with_a_code_of_its_own_and_is_announced_no_more(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANGS, str(tmp_path / "data")], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == EXIT_CRASHED
    assert "did not come to its end within 0.1 s" in ended.stderr
    assert not (tmp_path / "data" / "node.json").exists()
