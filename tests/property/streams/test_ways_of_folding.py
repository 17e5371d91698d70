"""However a log gets into views, batch by batch, with crashes, or by a fill that others go on with: the same in all."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest

from govault.domain.memory_state import MemoryAccounts, MemoryDirectory, MemoryPartition, MemoryPeers
from govault.domain.position import Verdict
from schemas.envelope import Event
from schemas.events.files import FilesEvent
from schemas.topics import Topic
from tests.property.domain.histories import HistoryWriter
from tests.property.domain.quota_histories import QuotaHistoryWriter
from tests.property.domain.roster_histories import RosterHistoryWriter
from tests.property.streams.ways import (
    PARTITION,
    Seen,
    compare,
    filled,
    hectic,
    in_memory,
    narrow,
    records_of,
    straight,
)

EVENTS = 120
MEMORY: dict[Topic, Callable[[int], Any]] = {
    Topic.FILES: MemoryPartition,
    Topic.ACCOUNTS: MemoryAccounts,
    Topic.PEERS: MemoryPeers,
    Topic.DIRECTORY: MemoryDirectory,
}


@pytest.mark.parametrize("kind", [HistoryWriter, QuotaHistoryWriter])
@pytest.mark.parametrize("seed", range(3))
def test_files_are_the_same_whichever_way_their_log_was_folded(
    seed: int, kind: type[HistoryWriter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow(monkeypatch)
    check_files(seed, kind, tmp_path)


@pytest.mark.parametrize("topic", [Topic.ACCOUNTS, Topic.PEERS, Topic.DIRECTORY])
def test_other_topics_are_the_same_too(topic: Topic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow(monkeypatch)
    check_others(4, topic, tmp_path)


def check_files(seed: int, kind: type[HistoryWriter], folder: Path) -> None:
    rng = Random(seed)
    writer = kind(rng, retries=True)
    for _ in range(EVENTS):
        writer.step()
    events = [(time_ms, event) for _, time_ms, event in writer.log if isinstance(event.data, get_args(FilesEvent))]
    _check(Topic.FILES, events, folder, rng)


def check_others(seed: int, topic: Topic, folder: Path) -> None:
    rng = Random(seed)
    writer = RosterHistoryWriter(rng, topic)
    for _ in range(EVENTS):
        writer.step()
    seen = _check(topic, writer.log, folder, rng)
    accepted = [outcome for outcome in seen.outcomes.values() if outcome and outcome.verdict is Verdict.ACCEPTED]
    assert len(accepted) > EVENTS // 5


def _check(topic: Topic, events: list[tuple[int, Event]], folder: Path, rng: Random) -> Seen:
    records = records_of(topic, events, rng)
    ids = sorted({event.id for _, event in events})
    expected = straight(folder / "straight", topic, ids, records)
    in_memory(MEMORY[topic](PARTITION), events, records, expected)
    for number, way in enumerate((hectic, filled, hectic)):
        compare(expected, way(folder / f"way-{number}", topic, ids, records, rng))
    return expected
