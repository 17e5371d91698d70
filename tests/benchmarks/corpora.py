"""What is stored in the measurements: a real tree of this machine, a changed copy of it, and single large files."""

import random
import shutil
import sysconfig
from collections.abc import Sequence
from pathlib import Path

SOURCES = (Path(sysconfig.get_paths()["stdlib"]), Path("/usr/share"))
MIB = 1 << 20


def real_tree(target: Path, bytes_max: int, sources: Sequence[Path] = SOURCES, file_bytes_min: int = 0) -> int:
    """Copy regular files of the Python installation and of Debian's share tree, up to a size. Returns the bytes.

    Args:
        sources: Where else to take them from; each gives as much.
        file_bytes_min: Leave smaller files out.
    """
    taken = 0
    for source in sources:
        budget = bytes_max // len(sources)
        for path in sorted(source.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            size = path.stat().st_size
            if not file_bytes_min <= size <= budget:
                continue
            into = target / source.name / path.relative_to(source)
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, into)
            budget -= size
            taken += size
    return taken


def releases(target: Path, bytes_max: int, count: int, seed: int) -> int:
    """Trees that differ as releases of one software do: each is the one before, edited. Returns the bytes of all.

    The first is a real tree of this machine without a tenth of its files. From one release to the next a fifth of the
    text files get edits of a few lines (their own, in other places), a tenth of the others changes in a few places as
    rebuilt programs do, one file in fifty goes, is moved, or is one of those kept back at first.
    """
    randomness = random.Random(seed)
    kept_back = target / "kept back"
    real_tree(kept_back, bytes_max // count)
    paths = sorted(path.relative_to(kept_back) for path in kept_back.rglob("*") if path.is_file())
    content = {path: (kept_back / path).read_bytes() for path in paths if randomness.random() < 0.9}
    later = [path for path in paths if path not in content]
    taken = 0
    for number in range(count):
        if number:
            content = _next_release(content, randomness)
            content |= {path: (kept_back / path).read_bytes() for path in later[number :: 5 * count]}
        for path, data in content.items():
            into = target / f"release {number + 1}" / path
            into.parent.mkdir(parents=True, exist_ok=True)
            into.write_bytes(data)
            taken += len(data)
    shutil.rmtree(kept_back)
    return taken


def _next_release(content: dict[Path, bytes], randomness: random.Random) -> dict[Path, bytes]:
    released: dict[Path, bytes] = {}
    for path, data in content.items():
        fate = randomness.random()
        if fate < 0.01:
            continue
        into = path.with_name(f"new_{path.name}") if fate < 0.02 else path
        is_text = b"\0" not in data[:8192]
        if randomness.random() < (0.2 if is_text else 0.1):
            data = _edited(data, randomness) if is_text else _rebuilt(data, randomness)
        released[into] = data
    return released


def _edited(text: bytes, randomness: random.Random) -> bytes:
    """A few lines inserted, replaced or taken out, in up to five places."""
    lines = text.splitlines(keepends=True)
    for _ in range(randomness.randint(1, 5)):
        at = randomness.randrange(len(lines) + 1)
        length = randomness.randint(0, 8)
        source = randomness.randrange(len(lines) + 1)
        lines[at : at + randomness.randint(0, 8)] = lines[source : source + length]
    return b"".join(lines)


def _rebuilt(program: bytes, randomness: random.Random) -> bytes:
    """Eight bytes changed in one place for every 64 KiB, at least in one."""
    changed = bytearray(program)
    for _ in range(1 + len(program) // 65_536):
        at = randomness.randrange(len(program) + 1)
        changed[at : at + 8] = randomness.randbytes(min(8, len(program) - at))
    return bytes(changed)


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


def read_all(tree: Path) -> None:
    """Bring a tree into the page cache, so that whoever is measured first does not pay for the disk."""
    for path in tree.rglob("*"):
        if path.is_file():
            path.read_bytes()


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
