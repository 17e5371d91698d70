"""Nodes in network namespaces: links cut both ways and one way, a node cut off from everything, and packets lost."""

import json
import os
import time

import pytest

from tests.e2e.cluster.vault import Load
from tests.e2e.faults.spaces import PEER_PORT, Spaces
from tests.e2e.faults.vault import FaultyVault

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]

CONVICTION_S = 20.0
"""Longer than it takes to convict a node that has ended."""


def load_for(vault: FaultyVault, seconds: float) -> Load:
    """Files written and read through every node for so long."""
    with Load(vault, vault.nodes) as load:
        until_s = time.monotonic() + seconds
        vault.wait("the time is over", lambda: time.monotonic() > until_s, 2 * seconds)
        load.wait_written(1)
    return load


@pytest.mark.parametrize("how", ["both ways", "one way", "calls of one"])
def test_a_link_cut_between_two_nodes_that_reach_kafka_kills_nobody_and_stops_nothing(
    vault: FaultyVault, spaces: Spaces, how: str
) -> None:
    before = vault.states()
    if how == "both ways":
        spaces.cut(1, 2)
    elif how == "one way":
        spaces.deafen(1, spaces.address(2))
    else:
        # Node 2 may not call node 1, as behind a one-sided firewall; calls of node 1 are answered.
        spaces.deafen(1, spaces.address(2), f"tcp dport {PEER_PORT}")
    if how != "calls of one":
        vault.wait_reachable(vault.nodes[0], vault.nodes[1], reachable=False)
    vault.wait_reachable(vault.nodes[1], vault.nodes[0], reachable=False)
    load = load_for(vault, CONVICTION_S)
    assert not load.failed_reads
    assert not load.failed_writes
    assert vault.states() == before
    load.check()
    spaces.heal()
    for one, other in ((0, 1), (1, 0)):
        vault.wait_reachable(vault.nodes[one], vault.nodes[other], reachable=True)
    assert vault.states() == before


def test_a_node_cut_off_from_everybody_fences_itself_serves_reads_and_comes_back(
    vault: FaultyVault, spaces: Spaces
) -> None:
    lonely = vault.nodes[2]
    content = os.urandom(300_000)
    assert vault.put(lonely, "before", content) in (200, 201)
    spaces.cut(3, 1)
    spaces.cut(3, 2)
    spaces.cut_from_machine(3, vault.kafka.port)
    vault.wait("it has fenced itself", lambda: "node.fenced" in vault.findings(lonely), 60)
    assert vault.get(lonely, "before") == (200, content)
    status, body = vault.ask(lonely, "PUT", "/spaces/main/files/during", os.urandom(300_000))
    assert status == 503, body
    assert json.loads(body)["retryable"]
    vault.wait_state(lonely, "dead")
    with Load(vault, vault.nodes[:2]) as load:
        load.wait_written(10)
    assert not load.failed_reads
    assert not load.failed_writes
    spaces.heal()
    vault.wait_state(lonely, "up")
    vault.wait("it takes writes again", lambda: vault.put(lonely, "after", b"y") in (200, 201), 60)
    for node in vault.nodes:
        vault.wait_read(node, "after", b"y")
    assert vault.get(lonely, "during")[0] == 404
    vault.wait_whole()
    load.check()


def test_a_fifth_of_all_packets_lost_kills_nobody_and_writes_go_on(vault: FaultyVault, spaces: Spaces) -> None:
    before = vault.states()
    for number in (1, 2, 3):
        spaces.lose(number, 20)
    load = load_for(vault, 45)
    assert vault.states() == before
    assert not load.failed_writes
    assert not load.failed_reads
    spaces.heal()
    load.check()
