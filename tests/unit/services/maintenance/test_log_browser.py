"""The log for people: merged by time, bounded, followed, and honest about forged records."""

import asyncio
import json

import pytest

from govault.domain.position import Position
from govault.errors import NotFound
from govault.ports import LogRecord
from govault.services.log.browser import LogBrowser, LogSlice
from schemas.codec import encode, mac
from schemas.envelope import MAC_HEADER, Event
from schemas.events.files import EpochOpened
from schemas.ids import EventId
from schemas.topics import Topic
from tests.unit.services.maintenance.fakes import FakeReader, FakeViewUpkeep, status_row

KEY = b"k" * 32


def record(partition: int, offset: int, time_ms: int, *, forged: bool = False) -> LogRecord:
    event = Event(EventId("e_1"), EpochOpened(epoch=offset + 1), "system:x", "/vaults/v", 1, "epoch")
    value = encode(event)
    tag = mac(KEY, Topic.FILES, partition + forged, b"epoch", value)
    return LogRecord(Position(Topic.FILES, partition, offset), time_ms, b"epoch", value, ((MAC_HEADER, tag),))


def browser() -> tuple[LogBrowser, FakeReader]:
    reader = FakeReader(
        {
            (Topic.FILES, 0): [record(0, 0, 10), record(0, 1, 30), record(0, 2, 50)],
            (Topic.FILES, 1): [record(1, 0, 20), record(1, 1, 40, forged=True)],
        }
    )
    views = FakeViewUpkeep([status_row(0, applied=1), status_row(1, applied=1)])
    return LogBrowser(reader, views, KEY, lambda: {(Topic.FILES, 0): 777}), reader  # type: ignore[arg-type]


async def positions(logs: LogBrowser, asked: LogSlice) -> list[str]:
    return [json.loads(line)["position"] async for line in await logs.records(asked)]


async def test_records_of_all_partitions_come_merged_by_append_time() -> None:
    logs, _ = browser()
    assert await positions(logs, LogSlice()) == ["files/0@0", "files/1@0", "files/0@1", "files/1@1", "files/0@2"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (LogSlice(Topic.FILES, 0), ["files/0@0", "files/0@1", "files/0@2"]),
        (LogSlice(Topic.FILES, 0, start=1, stop=2), ["files/0@1"]),
        (LogSlice(start=1), ["files/0@1", "files/1@1", "files/0@2"]),
        (LogSlice(since_ms=30), ["files/0@1", "files/1@1", "files/0@2"]),
        (LogSlice(until_ms=30), ["files/0@0", "files/1@0"]),
        (LogSlice(since_ms=60), []),
        (LogSlice(last=1), ["files/1@1", "files/0@2"]),
        (LogSlice(limit=2), ["files/0@0", "files/1@0"]),
        (LogSlice(Topic.PEERS), []),
    ],
)
async def test_a_slice_bounds_what_is_read(asked: LogSlice, expected: list[str]) -> None:
    logs, _ = browser()
    assert await positions(logs, asked) == expected


async def test_a_forged_record_is_shown_as_malformed_with_its_bytes() -> None:
    logs, _ = browser()
    shown = [json.loads(line) async for line in await logs.records(LogSlice(Topic.FILES, 1))]
    assert shown[0]["event"]["data"] == {"epoch": 1}
    assert "event" not in shown[1]
    assert "MAC is wrong" in shown[1]["malformed"]
    assert shown[1]["value"]


async def test_following_goes_on_with_what_is_appended_later() -> None:
    logs, reader = browser()
    lines = await logs.records(LogSlice(Topic.FILES, 0, start=2, follow=True))
    assert json.loads(await anext(lines))["position"] == "files/0@2"
    waiting = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    reader.records[Topic.FILES, 0].append(record(0, 3, 60))
    while not waiting.done():
        reader.more.set()
        await asyncio.sleep(0)
    assert json.loads(waiting.result())["position"] == "files/0@3"
    await lines.aclose()


async def test_a_partition_that_is_not_there_is_refused_before_anything_is_read() -> None:
    logs, _ = browser()
    for asked in (LogSlice(Topic.FILES, 9), LogSlice(partition=9)):
        with pytest.raises(NotFound):
            await logs.records(asked)


async def test_status_tells_offsets_lag_and_sizes() -> None:
    logs, _ = browser()
    first, second = await logs.status()
    assert (first.end, first.applied, first.lag, first.size_bytes) == (3, 1, 1, 777)
    assert (second.end, second.applied, second.lag, second.size_bytes) == (2, 1, 0, None)
