"""However a log gets into views, batch by batch, with crashes, or by a fill that others go on with: the same in all."""

from pathlib import Path
from random import Random
from typing import get_args

import pytest

from govault.domain.memory_state import MemoryPartition
from schemas.events.files import FilesEvent
from schemas.topics import Topic
from tests.property.domain.histories import HistoryWriter
from tests.property.domain.quota_histories import QuotaHistoryWriter
from tests.property.streams.ways import PARTITION, compare, filled, hectic, in_memory, narrow, records_of, straight

EVENTS = 120


@pytest.mark.parametrize("kind", [HistoryWriter, QuotaHistoryWriter])
@pytest.mark.parametrize("seed", range(3))
def test_files_are_the_same_whichever_way_their_log_was_folded(
    seed: int, kind: type[HistoryWriter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow(monkeypatch)
    check_files(seed, kind, tmp_path)


def check_files(seed: int, kind: type[HistoryWriter], folder: Path) -> None:
    rng = Random(seed)
    writer = kind(rng, retries=True)
    for _ in range(EVENTS):
        writer.step()
    events = [(time_ms, event) for _, time_ms, event in writer.log if isinstance(event.data, get_args(FilesEvent))]
    records = records_of(Topic.FILES, events, rng)
    ids = sorted({event.id for _, event in events})
    expected = straight(folder / "straight", Topic.FILES, ids, records)
    in_memory(MemoryPartition(PARTITION), events, records, expected)
    for number, way in enumerate((hectic, filled, hectic)):
        compare(expected, way(folder / f"way-{number}", Topic.FILES, ids, records, rng))
