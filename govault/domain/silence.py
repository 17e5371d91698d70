"""How long each node has been silent on ``.heartbeats``, by the log's own times: no node's clock decides anything.

Silence is measured between append times of one partition: from a node's last heartbeat to the newest of anybody's. A
log that stood still (nobody could append) or whose clock jumped says nothing about anybody: a gap of HEARTBEAT_GAP_MS
between two records starts every node's silence anew, forwards as backwards: of a clock that was ahead for a moment
nothing may be measured against that moment. A clock that goes back by less counts as standing still.
"""

from govault.limits import HEARTBEAT_GAP_MS, HEARTBEAT_NODES_MAX


class Silences:
    """Fed every heartbeat in log order."""

    def __init__(self) -> None:
        self._last_ms: dict[str, int] = {}
        self.newest_ms = 0
        """The newest append time of anybody's heartbeat, since the log's clock last jumped."""
        self._since_ms = 0

    @property
    def watched_ms(self) -> int:
        """How long the log has been watched without a gap."""
        return self.newest_ms - self._since_ms

    def heard(self, node_id: str, append_ms: int) -> None:
        """A heartbeat stands in the log."""
        if append_ms - self.newest_ms > HEARTBEAT_GAP_MS:
            self._since_ms = append_ms
        elif self.newest_ms - append_ms > HEARTBEAT_GAP_MS:
            self._last_ms.clear()
            self._since_ms = self.newest_ms = append_ms
        self.newest_ms = max(self.newest_ms, append_ms)
        self._last_ms.pop(node_id, None)
        if len(self._last_ms) >= HEARTBEAT_NODES_MAX:
            # The longest silent is the first: every heartbeat moves its node to the end.
            del self._last_ms[next(iter(self._last_ms))]
        self._last_ms[node_id] = self.newest_ms

    def of(self, node_id: str) -> int:
        """Milliseconds since a node's last heartbeat; of one that sent none, since the log is watched."""
        return self.newest_ms - max(self._last_ms.get(node_id, 0), self._since_ms)
