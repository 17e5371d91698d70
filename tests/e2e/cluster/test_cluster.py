"""Three nodes as processes on Apache Kafka: killed, stopped, robbed of their disks, and cut off from their log."""

import json
import os
import shutil
import signal
import time

import pytest

from deploy.local.node_process import NodeProcess
from tests.e2e.cluster.vault import Load, Vault, flip_bits

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_what_goes_in_through_one_node_comes_out_of_every_other(vault: Vault) -> None:
    content = os.urandom(3_000_000)
    for number, node in enumerate(vault.nodes):
        assert vault.put(node, f"any/{number}", content[number:]) == 201
    for node in vault.nodes:
        for number in range(3):
            vault.wait_read(node, f"any/{number}", content[number:])
    peers = vault.document(vault.nodes[1], "/peers")["peers"]
    assert sorted(peer["name"] for peer in peers) == ["node1", "node2", "node3"]
    assert {peer["state"] for peer in peers} == {"up"}


def test_a_killed_node_costs_no_read_and_no_acknowledged_write(vault: Vault) -> None:
    victim = vault.nodes[2]
    with Load(vault, vault.nodes[:2]) as load:
        load.wait_written(20)
        victim.kill()
        load.wait_written(30)
        victim.start()
        load.wait_written(10)
    assert not load.failed_reads
    assert not load.failed_writes
    assert load.slowest_write_s < 30
    vault.wait_whole()
    load.check()


def test_a_lost_disk_is_filled_again_from_the_others(vault: Vault) -> None:
    with Load(vault, vault.nodes, writers=2) as load:
        load.wait_written(20)
    victim = vault.nodes[1]
    victim.kill()
    shutil.rmtree(victim.root / "store")
    victim.start()
    vault.wait_whole()
    victim.cli("check", "--read-data", timeout_s=300)
    load.check()


def test_flipped_bits_are_found_by_the_scrub_repaired_and_never_served(vault: Vault) -> None:
    with Load(vault, vault.nodes, writers=2) as load:
        load.wait_written(20)
    victim = vault.nodes[0]
    victim.kill()
    flip_bits(victim.root / "store" / "packs", 1000, seed=7)
    victim.start()
    for path in list(load.written)[:10]:
        status, body = vault.get(victim, path)
        assert status == 200, body[:300]
    passes = vault.document(victim, "/admin/repair")["scrub"]["passes"]
    victim.cli("repair", "run", "--scrub")
    vault.wait("a scrub is through", lambda: vault.document(victim, "/admin/repair")["scrub"]["passes"] > passes)
    vault.wait_whole()
    assert vault.document(victim, "/stats")["store"]["quarantined"] == 0
    load.check()


@pytest.mark.long
def test_a_stopped_node_is_missed_and_welcomed_back(vault: Vault) -> None:
    victim = vault.nodes[2]
    with Load(vault, vault.nodes[:2]) as load:
        load.wait_written(10)
        victim.send(signal.SIGSTOP)
        stopped_s = time.monotonic()
        load.wait_written(10)
        vault.wait_state(victim, "dead")
        victim.send(signal.SIGCONT)
        vault.wait_state(victim, "up")
    assert time.monotonic() - stopped_s < 120
    assert not load.failed_reads
    assert not load.failed_writes
    load.check()


def test_while_kafka_is_away_files_are_read_and_writes_are_refused(vault: Vault) -> None:
    assert vault.put(vault.nodes[0], "before", b"still here") in (200, 201)
    vault.kafka.kill()
    try:
        assert vault.get(vault.nodes[0], "before") == (200, b"still here")
        assert vault.put(vault.nodes[0], "during", b"x") in (202, 503)
    finally:
        vault.kafka.start()
    vault.wait("writes go on", lambda: vault.put(vault.nodes[1], "after", b"y") in (200, 201))
    for node in vault.nodes:
        vault.wait_read(node, "after", b"y")


def test_a_node_that_starts_at_other_addresses_is_found_there_by_nodes_that_were_there_and_by_one_that_was_not(
    vault: Vault,
) -> None:
    moving, away = vault.nodes[1], vault.nodes[2]
    assert vault.put(moving, "moved", b"the bytes" * 1000) in (200, 201)

    def addresses(node: NodeProcess) -> list[str]:
        (found,) = (row for row in vault.document(node, "/peers")["peers"] if row["name"] == moving.root.name)
        return [*found["addresses"], *found["peer_addresses"]]

    before = addresses(vault.nodes[0])
    away.kill()
    assert moving.stop() == 0
    moving.start()
    vault.wait("the others see the new addresses", lambda: addresses(vault.nodes[0]) == addresses(moving))
    assert not set(before) & set(addresses(vault.nodes[0]))
    away.start()
    vault.wait("so does the one that was away", lambda: addresses(away) == addresses(moving))
    for node in (vault.nodes[0], away):
        vault.wait_state(moving, "up")
        (measured,) = json.loads(node.cli("peers", "benchmark", moving.root.name, "--json"))["result"]["peers"]
        assert measured["error"] == ""
        assert measured["round_trip_ms"] > 0
        assert measured["transferred_bytes"] > 0


@pytest.mark.long
def test_all_nodes_restart_one_after_the_other_under_load(vault: Vault) -> None:
    with Load(vault, vault.nodes, writers=2) as load:
        for node in vault.nodes:
            load.wait_written(5)
            assert node.stop() == 0
            node.start()
    assert not load.failed_writes
    vault.wait_whole()
    load.check()


@pytest.mark.long
def test_a_node_joins_takes_its_share_and_another_is_drained_and_removed(vault: Vault) -> None:
    with Load(vault, vault.nodes, writers=2) as load:
        load.wait_written(20)
        newcomer = vault.add_node()
        vault.wait_layout(4)
        leaving = vault.nodes[1]
        name = leaving.root.name
        vault.nodes[0].cli("peers", "drain", name)
        vault.wait_layout(3)
    assert not load.failed_writes
    vault.nodes[0].cli("peers", "remove", name, "--yes")
    vault.nodes.remove(leaving)
    leaving.stop()
    vault.wait_whole()
    load.check()
    assert vault.get(newcomer, next(iter(load.written)))[0] == 200
    with pytest.raises(RuntimeError):
        leaving.start()
