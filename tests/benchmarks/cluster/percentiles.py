"""Medians and the slowest hundredth."""

from collections.abc import Sequence


def p50_p99_ms(took_s: Sequence[float]) -> tuple[float, float]:
    """p50 and p99 of seconds, in milliseconds; not a number where there are none."""
    if not took_s:
        return float("nan"), float("nan")
    ordered = sorted(took_s)
    return ordered[len(ordered) // 2] * 1e3, ordered[int(len(ordered) * 0.99)] * 1e3
