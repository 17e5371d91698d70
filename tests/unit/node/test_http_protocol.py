import asyncio
from collections.abc import Callable, Iterable

from govault.node.http_protocol import GATHERED_BYTES_MAX, GatheringTransport


class RecordingTransport(asyncio.Transport):
    """Keeps what reaches it, call by call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.calls.append(bytes(data))

    def writelines(self, pieces: Iterable[bytes | bytearray | memoryview]) -> None:
        self.calls.append(b"".join(pieces))

    def is_closing(self) -> bool:
        return "closed" in self.calls

    def close(self) -> None:
        self.calls.append("closed")

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.calls.append("protocol")


def gathering() -> tuple[GatheringTransport, RecordingTransport]:
    below = RecordingTransport()
    return GatheringTransport(below, asyncio.get_running_loop()), below


async def test_writes_of_one_turn_leave_together_and_in_order() -> None:
    transport, below = gathering()
    transport.write(b"head ")
    transport.write(b"body")
    assert below.calls == []
    await asyncio.sleep(0)
    assert below.calls == [b"head body"]
    transport.write(b"next")
    await asyncio.sleep(0)
    assert below.calls == [b"head body", b"next"]


async def test_a_large_write_waits_for_nothing_and_passes_nobody() -> None:
    transport, below = gathering()
    transport.write(b"head ")
    transport.write(memoryview(b"x" * GATHERED_BYTES_MAX))
    assert below.calls == [b"head " + b"x" * GATHERED_BYTES_MAX]
    transport.write(b"tail")
    await asyncio.sleep(0)
    assert below.calls[1:] == [b"tail"]


async def test_what_was_written_leaves_before_the_connection_is_closed_or_handed_on() -> None:
    acts: list[tuple[Callable[[GatheringTransport], None], str]] = [
        (lambda transport: transport.close(), "closed"),
        (lambda transport: transport.set_protocol(asyncio.Protocol()), "protocol"),
    ]
    for act, told in acts:
        transport, below = gathering()
        transport.write(b"last")
        act(transport)
        await asyncio.sleep(0)
        assert below.calls == [b"last", told]


async def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    transport, below = gathering()
    transport.write(b"late")
    below.close()
    await asyncio.sleep(0)
    assert below.calls == ["closed"]
