"""Life and death: how many witnesses, which ones, and how a node refutes them."""

import pytest

from govault.domain.memory_state import MemoryPeers
from govault.domain.position import Outcome
from govault.limits import HEARTBEAT_SILENCE_MS_MIN, SUSPICION_WINDOW_MS
from schemas.events.peers import NodeRecovered, NodeRemoved, NodeStarted, NodeSuspected
from tests.unit.domain.test_members import id_of, vault_of, write

T = 1_000_000


def suspected(
    peers: MemoryPeers, number: int, witness: int, time_ms: int = T, incarnation: int = 1, silence_ms: int | None = None
) -> Outcome:
    silence_ms = HEARTBEAT_SILENCE_MS_MIN if silence_ms is None else silence_ms
    data = NodeSuspected(node_id=id_of(number), incarnation=incarnation, witness=id_of(witness), silence_ms=silence_ms)
    return write(peers, data, time_ms)


def state_of(peers: MemoryPeers, number: int) -> str:
    node = peers.node(id_of(number))
    assert node is not None
    return node.state


@pytest.mark.parametrize(("nodes", "needed"), [(2, 1), (3, 2), (4, 2), (7, 2)])
def test_a_death_takes_the_smaller_of_two_and_all_that_live(nodes: int, needed: int) -> None:
    peers = vault_of(nodes)
    for witness in range(1, 1 + needed):
        assert state_of(peers, 0) == "up"
        suspected(peers, 0, witness)
    assert state_of(peers, 0) == "dead"


def test_one_witness_alone_convicts_nobody_among_three_however_often_it_speaks() -> None:
    peers = vault_of(3)
    for _ in range(5):
        assert suspected(peers, 0, 1).fact("state") == "up"


def test_the_last_two_of_three_can_still_convict_one_another() -> None:
    peers = vault_of(3)
    suspected(peers, 0, 1)
    suspected(peers, 0, 2)
    assert suspected(peers, 1, 2).fact("state") == "dead"
    assert suspected(peers, 2, 1).reason == "witness-invalid"
    assert state_of(peers, 2) == "up"


def test_witnesses_are_from_different_zones_where_there_are_some() -> None:
    peers = vault_of(5, zones=("a", "b"))
    # 0, 2 and 4 live in a; 1 and 3 in b.
    suspected(peers, 1, 0)
    assert suspected(peers, 1, 2).fact("state") == "up"
    assert suspected(peers, 1, 3).fact("state") == "dead"


def test_a_whole_zone_that_dies_is_convicted_by_two_of_another_for_none_of_its_own_can_speak() -> None:
    peers = vault_of(5, zones=("a", "b"))
    # 0, 2 and 4 live in a; 1 and 3 in b.
    for witness in (0, 2):
        assert suspected(peers, 1, witness).fact("state") == "up"
    assert suspected(peers, 3, 0).fact("state") == "up"
    assert suspected(peers, 3, 2).fact("state") == "dead"
    assert suspected(peers, 1, 0).fact("state") == "dead", "a repeat tells, once nobody of that zone is left"


def test_a_zone_whose_suspicions_are_old_can_speak_again() -> None:
    peers = vault_of(5, zones=("a", "b"))
    suspected(peers, 3, 0)
    later = T + SUSPICION_WINDOW_MS + 1
    suspected(peers, 1, 0, later)
    assert suspected(peers, 1, 2, later).fact("state") == "up"
    assert suspected(peers, 1, 3, later).fact("state") == "dead"


def test_two_words_far_apart_are_no_death() -> None:
    peers = vault_of(3)
    suspected(peers, 0, 1)
    assert suspected(peers, 0, 2, T + SUSPICION_WINDOW_MS + 1).fact("state") == "up"
    assert suspected(peers, 0, 1, T + SUSPICION_WINDOW_MS + 2).fact("state") == "dead"


def test_a_word_against_a_node_that_the_log_hears_or_against_an_earlier_life_counts_nothing() -> None:
    peers = vault_of(3)
    assert suspected(peers, 0, 1, silence_ms=HEARTBEAT_SILENCE_MS_MIN - 1).reason == "heartbeat-fresh"
    assert suspected(peers, 0, 1, incarnation=2).reason == "stale-incarnation"
    assert suspected(peers, 0, 0).reason == "witness-invalid"
    write(peers, NodeRemoved(node_id=id_of(2)))
    assert suspected(peers, 0, 2).reason == "node-removed"


def test_a_node_refutes_by_the_next_incarnation_and_a_restart_is_one() -> None:
    peers = vault_of(3)
    suspected(peers, 0, 1)
    assert write(peers, NodeRecovered(node_id=id_of(0), incarnation=1)).reason == "stale-incarnation"
    assert write(peers, NodeRecovered(node_id=id_of(0), incarnation=9)).reason == "event-invalid"
    assert write(peers, NodeRecovered(node_id=id_of(0), incarnation=2)).reason == ""
    assert suspected(peers, 0, 2, incarnation=2).fact("state") == "up"
    assert suspected(peers, 0, 1, incarnation=2).fact("state") == "dead"
    assert write(peers, NodeStarted(node_id=id_of(0), version="1")).fact("incarnation") == 3
    assert state_of(peers, 0) == "up"
