"""What time it is for the vault: the log's own clock, as far as this node can tell."""

from govault.ports import Clock


class LogClock:
    """A ``Clock`` whose milliseconds are the log's. The machine's count only until the log has told the time once.

    Bounds in vault time are made from it (``not_after`` of events, ends of join tokens, ages of trash): with the
    machine's own clock, a node that is minutes behind would write events that are too late before they are written, and
    one ahead would end others' tokens and trash early.
    """

    def __init__(self, machine: Clock) -> None:
        self._machine = machine
        self._told_ms: int | None = None
        self._heard_s = 0.0

    def heard(self, append_ms: int) -> None:
        """The log has just confirmed a record that it took at this time."""
        self._told_ms = append_ms
        self._heard_s = self._machine.monotonic_s()

    def time_ms(self) -> int:
        """The log's time of now: what it told last, and what has passed since. At most a confirmation's way behind."""
        if self._told_ms is None:
            return self._machine.time_ms()
        return self._told_ms + int((self._machine.monotonic_s() - self._heard_s) * 1000)

    def monotonic_s(self) -> float:
        """The machine's."""
        return self._machine.monotonic_s()
