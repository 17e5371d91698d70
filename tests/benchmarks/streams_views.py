"""Measures the streams layer over many files: rebuild, listing, search, memory, produce → visible.

Run: ``python -m tests.benchmarks.streams_views --files 1000000 --folder DIR``. Prints one JSON object a figure.
"""

import argparse
import gc
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from govault.ports import SearchQuery
from streams.broker.supervisor import EmbeddedBroker
from streams.connection import Connection
from streams.streams import Streams, StreamsSettings
from streams.topics import ensure_topics
from streams.views.fold import FoldKeys
from streams.views.generation import VaultIdentity
from tests.benchmarks.streams_fixture import EVERY_TENTH_WORD, ONLY_WORD, Fixture, produce_files

MAC_KEY, DIGEST_KEY = b"m" * 32, b"d" * 32
PARTITIONS = 4


def say(figure: str, **values: object) -> None:
    """Print one figure."""
    sys.stdout.write(json.dumps({"figure": figure, **values}) + "\n")
    sys.stdout.flush()


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def processor_s() -> float:
    """Processor time of this process and of its children that ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


async def measure(folder: Path, files: int) -> None:
    """Produce, fold, ask."""
    broker = EmbeddedBroker(folder / "log", port=0)
    await broker.start()
    credentials = broker.credentials
    connection = Connection(broker.bootstrap, username=credentials.user, password=credentials.password)
    vault = VaultIdentity("bench", PARTITIONS, FoldKeys(MAC_KEY, DIGEST_KEY))
    settings = StreamsSettings(connection, folder / "views", "bench", vault)
    try:
        await ensure_topics(connection, PARTITIONS, {})
        fixture = await produce_files(connection, MAC_KEY, files, PARTITIONS)
        say("produce", files=fixture.files, seconds=round(fixture.took_s, 1))
        began, cpu = time.perf_counter(), processor_s()
        streams = await Streams.start(settings)
        took = time.perf_counter() - began
        say(
            "cold rebuild and start",
            events=fixture.files,
            seconds=round(took, 1),
            events_per_s=round(fixture.files / took),
            cpu_us_per_event=round((processor_s() - cpu) / fixture.files * 1e6, 1),
        )
        gc.collect()
        say("memory after rebuild", node_mib=resident_mib(os.getpid()), log_mib=resident_mib(broker.pid or 0))
        say(
            "views on disk", mib=round(sum(p.stat().st_size for p in folder.rglob("views/**/*") if p.is_file()) / 2**20)
        )
        try:
            await ask(streams, fixture)
        finally:
            await streams.stop()
        began = time.perf_counter()
        streams = await Streams.start(settings)
        say("start with nothing to fold", seconds=round(time.perf_counter() - began, 2))
        gc.collect()
        say("memory", node_mib=resident_mib(os.getpid()), log_mib=resident_mib(broker.pid or 0))
        await streams.stop()
    finally:
        await broker.stop()


async def ask(streams: Streams, fixture: Fixture) -> None:
    """Questions over the rebuilt views."""
    list_everything(streams, fixture)
    space = fixture.spaces[0]
    searches = {
        "no hit, glob": SearchQuery(name="*xylophone*"),
        "no hit, words": SearchQuery(words="report nothere"),
        "one hit, glob": SearchQuery(name=f"*{ONLY_WORD}*"),
        "one hit, words": SearchQuery(words=ONLY_WORD),
        "100k hits, glob": SearchQuery(name=f"*{EVERY_TENTH_WORD}*"),
        "100k hits, words": SearchQuery(words=EVERY_TENTH_WORD),
        "100k hits, by size": SearchQuery(name=f"*{EVERY_TENTH_WORD}*", sort="-size"),
        "100k hits, by name": SearchQuery(words=EVERY_TENTH_WORD, sort="name"),
        "everything by modified": SearchQuery(sort="-modified"),
        "type and size": SearchQuery(media_type="image/", larger=4_990_000),
        "tag in a space": SearchQuery(space_id=space, tag="bench"),
        "one letter": SearchQuery(name="*q*"),
        "by path": SearchQuery(space_id=space, words=EVERY_TENTH_WORD, sort="path"),
    }
    for name, query in searches.items():
        took, cpu = timed(lambda query=query: streams.views.search(query), 100)  # type: ignore[misc]
        page = streams.views.search(query)
        say(
            f"search: {name}",
            hits_on_page=len(page.files),
            more=bool(page.next_cursor),
            p50_ms=round(statistics.median(took), 2),
            p99_ms=round(sorted(took)[98], 2),
            cpu_ms=round(cpu, 2),
        )
    say("memory after searches", node_mib=resident_mib(os.getpid()))


def timed(act: Callable[[], object], times: int) -> tuple[list[float], float]:
    """Milliseconds of each of several calls, and of processor time on average: that does not depend on neighbours."""
    took = []
    cpu = time.process_time()
    for _ in range(times):
        began = time.perf_counter()
        act()
        took.append((time.perf_counter() - began) * 1e3)
    return took, (time.process_time() - cpu) / times * 1e3


def list_everything(streams: Streams, fixture: Fixture) -> None:
    """List whole folders with rows."""
    views, space = streams.views, fixture.spaces[0]
    began, cpu, rows = time.perf_counter(), time.process_time(), 0
    for area, _ in views.list_folder(space, space, "", 1000):
        for folder, _ in views.list_folder(space, area.entity_id, "", 1000):
            rows += len(views.list_folder(space, folder.entity_id, "", 1000))
            if rows > 100_000:
                break
    took = time.perf_counter() - began
    cpu_us = (time.process_time() - cpu) / rows * 1e6
    say("list folders with rows", rows=rows, rows_per_s=round(rows / took), cpu_us_per_row=round(cpu_us, 1))


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        uvloop.run(measure(Path(folder), given.files))


if __name__ == "__main__":
    main()
