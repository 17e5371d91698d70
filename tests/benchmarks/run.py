"""`make bench`: measure everything in one run, each figure against a peer of the same run where one is installed.

    python -m tests.benchmarks.run [PART …] [--quick] [--markdown FILE] [--scratch FOLDER]

The machine is shared, so ratios count, not absolute figures. `--quick` measures less data.
"""

import argparse
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.table import Table

PARTS = ("ingest", "downloads", "small", "views", "memory", "placement", "cluster", "access")


def machine() -> str:
    """The machine in a line."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}, Python {platform.python_version()}"


def main() -> None:
    """Measure the parts asked for (all by default) and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=[], help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="less data, for a look")
    parser.add_argument("--markdown", type=Path, help="write the table there too")
    parser.add_argument("--scratch", type=Path, help="where to put the data (default: the temporary folder)")
    options = parser.parse_args()
    wrong = set(options.parts) - set(PARTS)
    if wrong:
        parser.error(f"no such part: {', '.join(sorted(wrong))}; there are {', '.join(PARTS)}")
    # What was started is stopped too when a time box ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    table = Table()
    table.note(machine())
    for part in options.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix=f"govault-bench-{part}-", dir=options.scratch) as scratch:
            _measure(part, table, Path(scratch), options.quick)
    if options.markdown:
        options.markdown.write_text(f"{machine()}\n\n{table.markdown()}", encoding="utf-8")


def _measure(part: str, table: Table, scratch: Path, quick: bool) -> None:
    print(f"== {part}", flush=True)
    match part:
        case "ingest":
            from tests.benchmarks import ingest

            ingest.measure(table, scratch, (100 if quick else 600) << 20)
        case "downloads":
            from tests.benchmarks import downloads

            downloads.measure(table, scratch, (128 if quick else 512) << 20)
        case "small":
            from tests.benchmarks import small_objects

            small_objects.measure(table, scratch, 4 if quick else 20)
        case "views":
            from tests.benchmarks import views

            views.measure(table, scratch, 50_000 if quick else 1_000_000)
        case "memory":
            from tests.benchmarks import memory

            memory.measure(table, scratch, quick)
        case "placement":
            from tests.benchmarks import placement

            placement.measure(table)
        case "cluster":
            from tests.benchmarks.cluster import cluster

            cluster.measure(table, scratch, quick)
        case "access":
            from tests.benchmarks import access

            access.measure(table, scratch, 20_000 if quick else 1_000_000)


if __name__ == "__main__":
    main()
