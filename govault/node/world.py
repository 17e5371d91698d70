"""The machine's clocks and entropy."""

import secrets
import time


class SystemClock:
    """The machine's clocks."""

    def time_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


class SystemRandomness:
    """The machine's entropy."""

    def token(self, size_bytes: int) -> bytes:
        return secrets.token_bytes(size_bytes)
