"""Scores of links: what makes one bad, and how it recovers."""

from collections import Counter

import pytest

from govault.limits import LINKS_MAX, MIB
from govault.ports import LinkQuality
from govault.services.cluster.links import REPUTATION_HALF_LIFE_S, SLOW_S, LinkTable
from tests.fakes.world import FakeClock, SeededRandomness


def table() -> tuple[LinkTable, FakeClock]:
    clock = FakeClock()
    return LinkTable(clock, SeededRandomness(1)), clock


def test_of_an_unknown_peer_the_best_is_hoped_for() -> None:
    links, _ = table()
    assert links.of("x") == LinkQuality()
    assert links.reputation("x") == 1.0


def test_small_calls_tell_the_round_trip_and_transfers_the_bandwidth() -> None:
    links, _ = table()
    links.answered("a", 0.010)
    links.answered("a", 2.0, 8 * MIB)
    quality = links.of("a")
    assert quality.latency_s == pytest.approx(0.010)
    assert quality.bandwidth_bytes_s == pytest.approx(4 * MIB)
    links.answered("a", 0.020)
    assert 0.010 < links.of("a").latency_s < 0.020


def test_failures_lower_the_score_and_answers_bring_it_back() -> None:
    links, _ = table()
    links.answered("a", 0.001)
    before = links.of("a").score
    for _ in range(20):
        links.failed("a")
    low = links.of("a")
    assert low.error_rate > 0.8
    assert low.score < 0.1 * before
    for _ in range(60):
        links.answered("a", 0.001)
    assert links.of("a").score == pytest.approx(before, rel=0.05)


def test_a_slow_link_scores_half_where_a_chunk_takes_the_slow_time() -> None:
    links, _ = table()
    links.answered("a", SLOW_S)
    assert links.of("a").score == pytest.approx(0.5)


def test_reputation_is_halved_by_every_corrupt_chunk_and_comes_back_slowly() -> None:
    links, clock = table()
    links.corrupted("a")
    assert links.reputation("a") == pytest.approx(0.5)
    links.corrupted("a")
    assert links.reputation("a") == pytest.approx(0.25)
    for _ in range(1000):
        links.answered("a", 0.001)
    assert links.reputation("a") == pytest.approx(0.25)
    clock.advance(REPUTATION_HALF_LIFE_S)
    assert links.reputation("a") == pytest.approx(1 - 0.75 / 2)
    assert links.of("a").corruptions == 2


def test_the_best_come_first_and_equals_share_the_load() -> None:
    links, _ = table()
    for _ in range(10):
        links.failed("bad")
    firsts = Counter(links.best_first(["bad", "a", "b", "c"])[0] for _ in range(300))
    assert set(firsts) == {"a", "b", "c"}
    assert min(firsts.values()) > 50
    assert links.best_first(["bad", "a", "b", "c"])[-1] == "bad"
    assert links.best_first([]) == []


def test_it_keeps_a_bounded_number_of_links() -> None:
    links, _ = table()
    for number in range(LINKS_MAX + 10):
        links.answered(str(number), 0.1)
    assert len(links.peers()) == LINKS_MAX
    assert links.of("0") == LinkQuality()
