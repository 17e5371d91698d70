"""`govault log migrate`: from the embedded log to Apache Kafka, interrupted, refused, and whole."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from deploy.local.kafka import ApacheKafka
from tests.e2e.cli.conftest import Shell
from tests.e2e.kafka.vault_on_kafka import Folded, VaultOnKafka

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def mixed_history(vault: VaultOnKafka, files: int) -> dict[str, bytes]:
    """Files, versions, a move, trash and a purge; what there is in the end."""
    there = {f"d{number % 5}/f{number}": b"content %d" % number for number in range(files)}
    for path, content in there.items():
        assert vault.put(path, content).status == 201
    there["big"] = os.urandom(2_000_000)
    assert vault.put("big", there["big"]).status == 201
    there["d1/f1"] = b"another version"
    assert vault.put("d1/f1", there["d1/f1"]).status == 200
    assert vault.ask("DELETE", "/spaces/main/files/d2/f2").status == 200
    assert vault.ask("DELETE", "/trash").status == 200
    assert vault.ask("DELETE", "/spaces/main/files/d3/f3").status == 200
    del there["d2/f2"], there["d3/f3"]
    return there


def migrate(shell: Shell, kafka: ApacheKafka, prefix: str) -> list[str]:
    return [
        *("log", "migrate", "--json", "--data", str(shell.root), "--to", kafka.bootstrap),
        *("--set", "log.replication=1", "--set", f"log.topic_prefix={prefix}"),
    ]


@pytest.fixture
def embedded(tmp_path: Path, prefix: str) -> VaultOnKafka:
    return VaultOnKafka.embedded(tmp_path / "data", prefix)


def test_a_vault_moves_with_its_whole_history_and_goes_on(
    embedded: VaultOnKafka, kafka: ApacheKafka, prefix: str, tmp_path: Path
) -> None:
    embedded.node.start()
    try:
        there = mixed_history(embedded, files=40)
        before, times = embedded.folded(), _times(embedded)
        shell = Shell(embedded.node.root)
        busy = shell(*migrate(shell, kafka, prefix))
        assert busy.code == 1
        assert "in use by another node" in busy.err
    finally:
        assert embedded.node.stop() == 0

    moved = shell.ok(*migrate(shell, kafka, prefix)).document
    assert moved["copied"] == moved["records"] > 45
    assert moved["digests"] == {f"{topic}/{number}": list(row) for (topic, number), row in before.items()}
    assert f"bootstrap: [{kafka.bootstrap}]" in moved["configuration"]
    again = shell(*migrate(shell, kafka, prefix))
    assert again.code == 1
    assert "already" in again.err

    embedded.node.launch()
    assert embedded.node.wait_end() == 1
    assert "log.kind: kafka" in embedded.node.log_tail()

    on_kafka = VaultOnKafka.on(embedded.node.root, kafka.bootstrap, prefix)
    on_kafka.node.start()
    try:
        assert _goes_on_from(on_kafka.folded(), before)
        on_kafka.rebuild()
        assert _goes_on_from(on_kafka.folded(), before)
        assert _times(on_kafka)[: len(times)] == times
        assert on_kafka.paths() == set(there)
        for path in ("big", "d1/f1", "d4/f4"):
            assert on_kafka.get(path) == there[path]
        assert on_kafka.put("after", b"after").status == 201
        assert on_kafka.put("d1/f1", b"a third version").status == 200
        assert on_kafka.paths() == {*there, "after"}
        assert _times(on_kafka)[-1] >= times[-1]
    finally:
        assert on_kafka.node.stop() == 0


def test_an_interrupted_migration_goes_on_and_leaves_the_vault_usable_until_then(
    embedded: VaultOnKafka, kafka: ApacheKafka, prefix: str
) -> None:
    embedded.node.start()
    there = mixed_history(embedded, files=300)
    embedded.node.stop()
    shell = Shell(embedded.node.root)

    with shell.process(*migrate(shell, kafka, prefix)) as copying:
        _wait_some_are_there(kafka, f"{prefix}.files")
        copying.send_signal(signal.SIGKILL)
        copying.communicate(timeout=30)
    vault_file = json.loads((embedded.node.root / "vault.json").read_text())
    if vault_file["log_kind"] == "embedded":
        embedded.node.start()
        assert embedded.put("between", b"between").status == 201
        there["between"] = b"between"
        embedded.node.stop()
        moved = shell.ok(*migrate(shell, kafka, prefix)).document
        assert 0 < moved["copied"] < moved["records"]

    on_kafka = VaultOnKafka.on(embedded.node.root, kafka.bootstrap, prefix)
    on_kafka.node.start()
    try:
        assert on_kafka.paths() == set(there)
        assert on_kafka.get("big") == there["big"]
    finally:
        on_kafka.node.stop()


def test_a_target_with_the_records_of_something_else_is_refused(
    embedded: VaultOnKafka, vault: VaultOnKafka, kafka: ApacheKafka, prefix: str, tmp_path: Path
) -> None:
    vault.node = VaultOnKafka.on(tmp_path / "other", kafka.bootstrap, prefix).node
    vault.node.start()
    assert vault.put("theirs", b"theirs").status == 201
    vault.node.stop()
    embedded.node.start()
    assert embedded.put("mine", b"mine").status == 201
    before = embedded.folded()
    embedded.node.stop()
    shell = Shell(embedded.node.root)
    refused = shell(*migrate(shell, kafka, prefix))
    assert refused.code == 1
    assert "another" in refused.err
    assert "Migrate to another cluster" in refused.err
    embedded.node.start()
    assert _goes_on_from(embedded.folded(), before)
    embedded.node.stop()
    # The other vault was left as it was.
    vault.node.start()
    assert vault.get("theirs") == b"theirs"


def test_one_broker_cannot_hold_three_copies_and_the_command_says_how_to_ask_for_one(
    embedded: VaultOnKafka, kafka: ApacheKafka, prefix: str
) -> None:
    embedded.node.start()
    embedded.node.stop()
    too_early = VaultOnKafka.on(embedded.node.root, kafka.bootstrap, prefix)
    too_early.node.launch()
    assert too_early.node.wait_end() == 1
    assert "govault log migrate" in too_early.node.log_tail()
    shell = Shell(embedded.node.root)
    refused = shell("log", "migrate", "--to", kafka.bootstrap, "--set", f"log.topic_prefix={prefix}")
    assert refused.code == 1
    assert "log.replication=1" in refused.err


def _goes_on_from(now: Folded, before: Folded) -> bool:
    """Equal digests where nothing was written since; a starting node announces itself and may open an epoch."""
    grown = {place for place in before if now[place][0] > before[place][0]}
    return now.keys() == before.keys() and all(now[place] == before[place] for place in before.keys() - grown)


def _times(vault: VaultOnKafka) -> list[int]:
    lines = vault.ask("GET", "/admin/log/records?topic=files").body.splitlines()
    return [json.loads(line)["time_ms"] for line in lines]


def _wait_some_are_there(kafka: ApacheKafka, topic: str) -> None:
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "watch", "log_level": 0})
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            for partition in range(8):
                try:
                    if consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=1)[1] > 0:
                        return
                except KafkaException:
                    break
    finally:
        consumer.close()
    raise AssertionError("nothing was copied")
