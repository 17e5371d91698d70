"""How much a log folder takes, read from outside while its broker runs."""

from pathlib import Path

from streams.broker.checkpoint import PARTITIONS_FOLDER
from streams.broker.disk import RealDisk
from streams.broker.topics import load_topics


def partition_sizes(folder: Path) -> dict[tuple[str, int], int]:
    """Bytes of each partition's segment files, by (topic's name, partition). Blocks.

    A partition that nothing was written to yet takes none. Files may come and go while this looks.
    """
    sizes: dict[tuple[str, int], int] = {}
    for topic in load_topics(RealDisk(folder)).values():
        for index in range(topic.partitions):
            place = folder / PARTITIONS_FOLDER / f"{topic.id.hex()}-{index}"
            sizes[topic.name, index] = sum(_size(path) for path in place.glob("*.log"))
    return sizes


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
