"""What is stored in the measurements: a real tree of this machine, a changed copy of it, and single large files."""

import random
import shutil
import sysconfig
from pathlib import Path

SOURCES = (Path(sysconfig.get_paths()["stdlib"]), Path("/usr/share"))
MIB = 1 << 20


def real_tree(target: Path, bytes_max: int) -> int:
    """Copy regular files of the Python installation and of Debian's share tree, up to a size. Returns the bytes."""
    taken = 0
    for source in SOURCES:
        budget = bytes_max // len(SOURCES)
        for path in sorted(source.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            size = path.stat().st_size
            if budget < size:
                continue
            into = target / source.name / path.relative_to(source)
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, into)
            budget -= size
            taken += size
    return taken


def change_some(tree: Path, every: int, seed: int) -> int:
    """Insert a line into the middle of each ``every``-th file. Returns how many were changed."""
    randomness, changed = random.Random(seed), 0
    for index, path in enumerate(sorted(path for path in tree.rglob("*") if path.is_file())):
        if index % every:
            continue
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + randomness.randbytes(64) + content[middle:])
        changed += 1
    return changed


def incompressible(path: Path, size_bytes: int, seed: int = 1) -> None:
    """A file of random bytes."""
    randomness = random.Random(seed)
    with path.open("wb") as file:
        for start in range(0, size_bytes, 4 * MIB):
            file.write(randomness.randbytes(min(4 * MIB, size_bytes - start)))


def compressible(path: Path, size_bytes: int, seed: int = 2) -> None:
    """A file like a web server's log: lines alike but never the same."""
    randomness = random.Random(seed)
    agents = [f"Mozilla/5.0 (X11; Linux x86_64) Test/{n}.{n * 7 % 10}" for n in range(40)]
    with path.open("w", encoding="ascii") as file:
        written = 0
        while written < size_bytes:
            lines = [
                f"10.{randomness.randrange(256)}.{randomness.randrange(256)}.7 - - [23/Nov/2026:14:{n // 60 % 60:02}:"
                f'{n % 60:02} +0000] "GET /files/{randomness.getrandbits(40):x} HTTP/1.1" 200 '
                f'{randomness.randrange(10**6)} "-" "{agents[randomness.randrange(40)]}"\n'
                for n in range(5000)
            ]
            written += file.write("".join(lines))
        file.truncate(size_bytes)
