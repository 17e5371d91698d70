"""Silence on the log, by the log's own times."""

from govault.domain.silence import Silences
from govault.limits import HEARTBEAT_NODES_MAX

T = 1_000_000


def heard_each(silences: Silences, nodes: str, start_ms: int, stop_ms: int, period_ms: int = 2000) -> None:
    for at_ms in range(start_ms, stop_ms, period_ms):
        for node in nodes:
            silences.heard(node, at_ms)


def test_silence_is_what_the_others_went_on_without_a_node() -> None:
    silences = Silences()
    heard_each(silences, "abc", T, T + 10_000)
    heard_each(silences, "ab", T + 10_000, T + 20_000)
    assert silences.of("c") == 10_000
    assert silences.of("a") == 0


def test_a_log_that_stood_still_accuses_nobody() -> None:
    silences = Silences()
    heard_each(silences, "abc", T, T + 10_000)
    silences.heard("a", T + 300_000)
    assert silences.of("b") == silences.of("c") == 0
    heard_each(silences, "a", T + 302_000, T + 307_000)
    assert silences.of("b") == 6000


def test_a_clock_of_the_log_that_goes_back_accuses_nobody() -> None:
    silences = Silences()
    heard_each(silences, "ab", T, T + 10_000)
    heard_each(silences, "ab", T - 50_000, T - 10_000)
    assert silences.of("a") == silences.of("b") == 0


def test_a_clock_of_the_log_that_went_far_ahead_for_a_moment_does_not_hide_a_death_until_then() -> None:
    silences = Silences()
    heard_each(silences, "abc", T, T + 10_000)
    silences.heard("a", T + 10**10)
    heard_each(silences, "ab", T + 12_000, T + 30_000)
    assert silences.newest_ms < T + 30_000
    assert silences.of("c") > 10_000
    assert silences.of("a") == silences.of("b") == 0


def test_a_node_that_was_never_heard_is_silent_since_the_log_is_watched() -> None:
    silences = Silences()
    assert silences.of("x") == 0
    heard_each(silences, "a", T, T + 9000)
    assert silences.of("x") == silences.watched_ms == 8000


def test_it_knows_a_bounded_number_of_nodes_and_forgets_the_longest_silent() -> None:
    silences = Silences()
    silences.heard("old", T)
    for number in range(HEARTBEAT_NODES_MAX):
        silences.heard(str(number), T + 1000 + number)
    assert silences.of("old") == silences.watched_ms
    assert silences.of("5") == HEARTBEAT_NODES_MAX - 1 - 5
