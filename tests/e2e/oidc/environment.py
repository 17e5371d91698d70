"""An environment with Canaille in it, beside the one that the tests run in: made once, from hashed requirements."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
_MAKE_S = 240.0


def python_of_provider() -> Path:
    """The interpreter that has Canaille. Without a way to the package index the test is skipped, except in CI."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = Path(sys.prefix) / f"canaille-{wanted}"
    if not folder.exists():
        draft = Path(tempfile.mkdtemp(prefix="canaille-draft-", dir=sys.prefix))
        try:
            _make(draft)
            # Whole or not at all; another run may have been first.
            draft.rename(folder)
        except OSError:
            if not folder.exists():
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder / "bin/python"


def _make(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=_MAKE_S)
    pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "2"]
    done = subprocess.run(
        [*pip, "--only-binary", ":all:", "--require-hashes", "-r", REQUIREMENTS],
        capture_output=True, text=True, timeout=_MAKE_S, check=False,
    )  # fmt: skip
    if done.returncode:
        why = f"Canaille, the identity provider of this test, cannot be installed: {done.stderr[-500:]}"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
