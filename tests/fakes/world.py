"""Time and randomness that tests choose."""

import hashlib
from dataclasses import dataclass, field

START_MS = 1_790_000_000_000


@dataclass
class FakeClock:
    """A clock that moves when told."""

    now_ms: int = START_MS

    def time_ms(self) -> int:
        """See the port."""
        return self.now_ms

    def monotonic_s(self) -> float:
        """See the port."""
        return self.now_ms / 1000

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ms += int(seconds * 1000)


@dataclass
class SeededRandomness:
    """Bytes that a seed gives, the same in every run."""

    seed: int = 0
    _drawn: int = field(default=0)

    def token(self, size_bytes: int) -> bytes:
        """See the port."""
        self._drawn += 1
        material = f"{self.seed}:{self._drawn}".encode()
        return hashlib.shake_256(material).digest(size_bytes)
