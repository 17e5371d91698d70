"""The table of verdicts, case by case."""

from itertools import product

import pytest

from govault.domain.verdicts import NodeVerdict, PeerFacts, PeerVerdict, Surroundings, judge_node, judge_peer


@pytest.mark.parametrize(
    ("log_here", "peers", "reached", "elsewhere", "verdict"),
    [
        (True, 2, 2, True, NodeVerdict.WELL),
        (True, 2, 0, False, NodeVerdict.WELL),
        (True, 0, 0, False, NodeVerdict.WELL),
        (False, 2, 1, True, NodeVerdict.ISOLATED),
        (False, 2, 2, False, NodeVerdict.OUTAGE),
        (False, 2, 0, False, NodeVerdict.FENCED),
        (False, 0, 0, False, NodeVerdict.OUTAGE),
    ],
)
def test_how_a_node_stands(log_here: bool, peers: int, reached: int, elsewhere: bool, verdict: NodeVerdict) -> None:
    assert judge_node(Surroundings(log_here, peers, reached, elsewhere)) is verdict


def test_only_a_node_that_reaches_the_log_collects_and_lays_out() -> None:
    assert [verdict for verdict in NodeVerdict if not verdict.frozen] == [NodeVerdict.WELL]


@pytest.mark.parametrize(
    ("log_here", "directly", "through", "fresh", "ran_out", "verdict"),
    [
        (True, True, True, True, False, PeerVerdict.FINE),
        (True, False, True, True, False, PeerVerdict.DETOUR),
        (True, False, True, False, False, PeerVerdict.DETOUR),
        (True, False, False, True, True, PeerVerdict.DETOUR),
        (True, False, False, False, False, PeerVerdict.WATCHED),
        (True, False, False, False, True, PeerVerdict.SILENT),
        (False, False, False, False, True, PeerVerdict.UNKNOWN),
        (False, False, True, False, False, PeerVerdict.DETOUR),
        (False, True, True, False, False, PeerVerdict.FINE),
    ],
)
def test_what_to_make_of_a_peer(
    log_here: bool, directly: bool, through: bool, fresh: bool, ran_out: bool, verdict: PeerVerdict
) -> None:
    assert judge_peer(PeerFacts(log_here, directly, through, fresh, ran_out)) is verdict


def test_nobody_accuses_whom_the_log_hears_or_anybody_reaches_nor_without_the_log() -> None:
    for facts in (PeerFacts(*case) for case in product((True, False), repeat=5)):
        if judge_peer(facts) is PeerVerdict.SILENT:
            assert facts.log_here
            assert not any((facts.heartbeat_fresh, facts.reached_directly, facts.reached_through))
            assert facts.suspicion_ran_out
