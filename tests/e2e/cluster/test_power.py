"""Three nodes and Apache Kafka that die together: nothing acknowledged is lost, and who is told to stop ends."""

import os
import signal
import time

import pytest

from tests.e2e.cluster.vault import Load, Vault

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(400)]

ENDS_S_MAX = 40.0
"""Uploads get their deadline and every client of the log its own; the backstop of the process is later than this."""


def test_everything_killed_at_once_comes_back_with_everything_acknowledged(vault: Vault) -> None:
    with Load(vault, vault.nodes) as load:
        load.wait_written(30)
        vault.kafka.kill()
        for node in vault.nodes:
            node.kill()
        # Only now: what is acknowledged of what was under way came before the end.
        load.stop_asking()
    vault.kafka.start()
    for node in vault.nodes:
        node.launch()
    for node in vault.nodes:
        node.wait_ready()
    load.check()
    vault.wait_whole()
    content = os.urandom(100_000)
    vault.wait("writes go on", lambda: vault.put(vault.nodes[0], "after-power-loss", content) in (200, 201))
    for node in vault.nodes:
        vault.wait_read(node, "after-power-loss", content)


def test_nodes_told_to_stop_while_kafka_dies_end_by_themselves(vault: Vault) -> None:
    with Load(vault, vault.nodes) as load:
        load.wait_written(10)
        vault.kafka.kill()
        for node in vault.nodes:
            node.send(signal.SIGTERM)
        began_s = time.monotonic()
        load.stop_asking()
    codes = [node.wait_end(ENDS_S_MAX) for node in vault.nodes]
    took_s = time.monotonic() - began_s
    print(f"three nodes ended {took_s:.1f} s after they were told to, Apache Kafka gone: {codes}")
    vault.kafka.start()
    for node in vault.nodes:
        node.launch()
    for node in vault.nodes:
        node.wait_ready()
    assert codes == [0, 0, 0]
    load.check()
