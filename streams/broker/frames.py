"""Cutting the byte stream into frames: a length (i32) and that many bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

PREFIX_SIZE: Final = 4
HEAD_SIZE: Final = 6
"""Length and API key: enough to know how large a frame may be."""


class FrameTooLarge(ValueError):
    """A length that no request of this kind may have; perhaps not Kafka's protocol at all."""


class Frames:
    """The unread bytes of one connection."""

    __slots__ = ("_begun", "_buffer", "_clock", "_complete", "_needed")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._buffer = bytearray()
        self._needed = HEAD_SIZE
        self._complete: list[bytes] = []
        self._begun = 0.0
        self._clock = clock

    def feed(self, data: bytes, size_max: Callable[[int], int]) -> None:
        """Take bytes in; `size_max` gives the bound for an API key.

        Raises:
            FrameTooLarge: before the frame's bytes are collected.
        """
        buffer = self._buffer
        if not buffer:
            self._begun = self._clock()
        buffer += data
        at = 0
        while len(buffer) - at >= self._needed:
            size = int.from_bytes(buffer[at : at + PREFIX_SIZE], "big", signed=True)
            if size < 2:
                raise FrameTooLarge(f"a frame of {size} bytes")
            key = int.from_bytes(buffer[at + PREFIX_SIZE : at + HEAD_SIZE], "big", signed=True)
            if size > size_max(key):
                raise FrameTooLarge(f"a frame of {size} bytes for API key {key}; at most {size_max(key)}")
            end = at + PREFIX_SIZE + size
            if len(buffer) < end:
                self._needed = PREFIX_SIZE + size
                break
            self._complete.append(bytes(memoryview(buffer)[at + PREFIX_SIZE : end]))
            at = end
            self._needed = HEAD_SIZE
            self._begun = self._clock()
        if at:
            del buffer[:at]

    def take(self) -> list[bytes]:
        """The complete frames, once."""
        complete, self._complete = self._complete, []
        return complete

    @property
    def is_partial(self) -> bool:
        """Whether a frame was begun and not finished."""
        return bool(self._buffer)

    def age(self, now: float) -> float:
        """Seconds since the unfinished frame was begun."""
        return now - self._begun
