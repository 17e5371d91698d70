"""Records that lie ready are folded together, and what Faust hands over is handed over whole."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from schemas.topics import Topic
from streams.agents.folding import RECORDS_AT_ONCE_MAX, folding
from streams.app import finished
from streams.records import Record


@dataclass
class Message:
    offset: int
    partition: int = 0
    timestamp: float = 1.0
    key: bytes = b"k"
    value: bytes = b"v"
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass
class FaustEvent:
    message: Message


@dataclass
class FakeStream:
    """What an agent uses of a Faust stream; ends when its queue is empty."""

    queue: asyncio.Queue[FaustEvent] = field(default_factory=asyncio.Queue)
    acked: list[int] = field(default_factory=list)

    @property
    def channel(self) -> "FakeStream":
        return self

    def noack(self) -> "FakeStream":
        return self

    async def events(self) -> AsyncIterator[FaustEvent]:
        while not self.queue.empty():
            yield self.queue.get_nowait()

    async def ack(self, event: FaustEvent) -> None:
        self.acked.append(event.message.offset)


class Follower:
    """Takes note of what is folded together, and of what had been acknowledged before."""

    def __init__(self, stream: FakeStream) -> None:
        self.portions: list[list[int]] = []
        self.acked_before: list[int] = []
        self._stream = stream

    async def follow(self, place: tuple[Topic, int], records: Sequence[Record]) -> None:
        assert {record.position[:2] for record in records} == {place}
        self.acked_before.append(len(self._stream.acked))
        self.portions.append([record.position.offset for record in records])


async def test_records_that_lie_ready_are_folded_together_in_order_and_acknowledged_afterwards() -> None:
    stream = FakeStream()
    for offset in range(RECORDS_AT_ONCE_MAX + 3):
        stream.queue.put_nowait(FaustEvent(Message(offset)))
    follower = Follower(stream)
    await folding(Topic.FILES, follower)(stream)
    everything = list(range(RECORDS_AT_ONCE_MAX + 3))
    assert follower.portions == [everything[:RECORDS_AT_ONCE_MAX], everything[RECORDS_AT_ONCE_MAX:]]
    assert follower.acked_before == [0, RECORDS_AT_ONCE_MAX]
    assert stream.acked == everything


async def test_each_partition_gets_its_own_records() -> None:
    stream = FakeStream()
    for offset in range(6):
        stream.queue.put_nowait(FaustEvent(Message(offset, partition=offset % 2)))
    follower = Follower(stream)
    await folding(Topic.FILES, follower)(stream)
    assert follower.portions == [[0, 2, 4], [1, 3, 5]]
    assert sorted(stream.acked) == list(range(6))


async def test_what_waits_when_it_is_begun_goes_on_once_it_may() -> None:
    gate, told = asyncio.Event(), []

    async def hand_over() -> None:
        await gate.wait()
        told.append("first")
        await asyncio.sleep(0)
        told.append("second")

    begun = hand_over()
    rest = asyncio.create_task(finished(begun, begun.send(None)))
    await asyncio.sleep(0)
    assert told == []
    gate.set()
    await rest
    assert told == ["first", "second"]


async def test_what_was_begun_is_told_that_it_is_cancelled() -> None:
    told = []

    async def hand_over() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            told.append("left")

    begun = hand_over()
    rest = asyncio.create_task(finished(begun, begun.send(None)))
    await asyncio.sleep(0)
    rest.cancel()
    with pytest.raises(asyncio.CancelledError):
        await rest
    assert told == ["left"]
