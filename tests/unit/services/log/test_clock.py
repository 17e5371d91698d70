"""The log's clock, as a node with a wrong one of its own tells it."""

from dataclasses import dataclass

from govault.services.log.clock import LogClock

DAY_MS = 86_400_000


@dataclass
class WrongClock:
    now_ms: int
    now_s: float = 5.0

    def time_ms(self) -> int:
        return self.now_ms

    def monotonic_s(self) -> float:
        return self.now_s


def test_the_machines_clock_counts_until_the_log_has_told_the_time() -> None:
    machine = WrongClock(3 * DAY_MS)
    clock = LogClock(machine)
    assert clock.time_ms() == 3 * DAY_MS
    clock.heard(4 * DAY_MS)
    assert clock.time_ms() == 4 * DAY_MS


def test_it_goes_on_with_what_passes_whatever_the_machines_clock_does() -> None:
    machine = WrongClock(3 * DAY_MS)
    clock = LogClock(machine)
    clock.heard(4 * DAY_MS)
    machine.now_s += 2.5
    machine.now_ms = 0
    assert clock.time_ms() == 4 * DAY_MS + 2_500
    assert clock.monotonic_s() == 7.5
    clock.heard(4 * DAY_MS + 2_600)
    assert clock.time_ms() == 4 * DAY_MS + 2_600
