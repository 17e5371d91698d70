"""A node on Apache Kafka: the journey, restarts, and a log that goes away and comes back."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.local.kafka import ApacheKafka
from tests.e2e.kafka.vault_on_kafka import VaultOnKafka

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_journey_and_equal_digests_after_restart_and_rebuild(vault: VaultOnKafka) -> None:
    vault.node.start()
    big = os.urandom(3_000_000)
    assert vault.put("d/big", big).status == 201
    assert vault.put("d/small", b"one").status == 201
    assert vault.put("d/small", b"two").status == 200
    for number in range(30):
        assert vault.put(f"many/{number}", b"%d" % number).status == 201
    assert vault.ask("DELETE", "/spaces/main/files/many/7").status == 200
    kept = {"d/big", "d/small"} | {f"many/{number}" for number in range(30) if number != 7}
    assert vault.paths() == kept
    assert (vault.get("d/big"), vault.get("d/small")) == (big, b"two")

    before = vault.files_folded()
    assert vault.node.stop() == 0
    vault.node.start()
    assert vault.files_folded() == before
    vault.rebuild()
    assert vault.files_folded() == before
    os.kill(vault.node.pid, signal.SIGKILL)
    vault.node.wait_end()
    vault.node.start()
    assert vault.files_folded() == before
    assert vault.paths() == kept
    assert vault.get("d/big") == big


def test_a_log_that_was_killed_takes_writes_again_without_a_restart_of_the_node(
    vault: VaultOnKafka, kafka: ApacheKafka
) -> None:
    vault.node.start()
    assert vault.put("before", b"before").status == 201
    kafka.kill()
    try:
        with ThreadPoolExecutor(3) as pool:
            writing = [pool.submit(vault.put, f"meanwhile/{number}", b"%d" % number) for number in range(3)]
            assert vault.get("before") == b"before"
            assert vault.paths() == {"before"}
            vault.wait_status("/readyz", 503)
            assert vault.ask("GET", "/livez").status == 200
            answers = [write.result() for write in writing]
        # Nobody knows yet whether they were written: refused (503), or pending with a place to ask (202).
        assert {answer.status for answer in answers} <= {202, 503}, answers
        assert vault.get("before") == b"before"
    finally:
        kafka.start()
    vault.wait_status("/readyz", 200)
    assert vault.put("after", b"after").status == 201
    # What was pending is decided by now: as one history, which a rebuild folds to the same.
    assert {"before", "after"} <= vault.paths() <= {"before", "after", *(f"meanwhile/{n}" for n in range(3))}
    for number, answer in enumerate(answers):
        if answer.status == 202:
            known = vault.ask("GET", f"/outcomes/{answer.document['event_id']}")
            assert (known.status == 200) >= (f"meanwhile/{number}" in vault.paths())
        assert vault.put(f"meanwhile/{number}", b"%d" % number).status in (200, 201)
        assert vault.get(f"meanwhile/{number}") == b"%d" % number
    live = vault.files_folded()
    vault.rebuild()
    assert vault.files_folded() == live
    assert vault.node.stop() == 0


def test_a_node_that_starts_without_its_log_says_so(vault: VaultOnKafka, kafka: ApacheKafka) -> None:
    vault.node.environment["GOVAULT_LOG__BOOTSTRAP"] = "127.0.0.1:9"
    vault.node.launch()
    assert vault.node.wait_end() == 1
    assert "127.0.0.1:9 cannot be" in vault.node.log_tail()
