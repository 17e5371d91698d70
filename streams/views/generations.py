"""The folder of the views: generations beside one another, and which of them serves.

``CURRENT`` names the serving one and is replaced by rename, so that a crash leaves the old or the new one serving,
never a mixture. Other generations are leftovers and are removed at the next start.
"""

import logging
import os
import re
import shutil
from pathlib import Path

_log = logging.getLogger(__name__)
_NAME = re.compile(r"g[0-9]{8}")
_CURRENT = "CURRENT"


class GenerationsFolder:
    """Names, chooses and removes generations. Used by one task at a time."""

    def __init__(self, root: Path) -> None:
        """Create the folder where it lacks, and clear leftovers."""
        root.mkdir(parents=True, exist_ok=True)
        self._root = root
        serving = self.serving()
        for name in self._names():
            if serving is None or name != serving.name:
                _log.info("removing the unfinished or replaced views %s", name)
                shutil.rmtree(root / name)

    def serving(self) -> Path | None:
        """The generation that serves; None where there is none yet."""
        try:
            name = (self._root / _CURRENT).read_text().strip()
        except FileNotFoundError:
            return None
        return self._root / name if _NAME.fullmatch(name) and (self._root / name).is_dir() else None

    def fresh(self) -> Path:
        """A path for a new generation, behind all that there were."""
        last = max((int(name[1:]) for name in self._names()), default=0)
        return self._root / f"g{last + 1:08d}"

    def choose(self, generation: Path) -> None:
        """Make a generation the serving one, durably."""
        fresh = self._root / (_CURRENT + ".new")
        with fresh.open("w") as file:
            file.write(generation.name + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._root / _CURRENT)
        folder = os.open(self._root, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self, generation: Path) -> None:
        """Delete a generation that nothing has open."""
        shutil.rmtree(generation, ignore_errors=True)

    def _names(self) -> list[str]:
        return sorted(path.name for path in self._root.iterdir() if _NAME.fullmatch(path.name))
