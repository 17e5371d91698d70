"""The log is lost for good, and perhaps every disk with it: what backups of one node, or of all, bring back."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from deploy.local.kafka import ApacheKafka
from tests.e2e.node_process import NodeProcess

WAIT_S = 90.0
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def nodes() -> Iterator[list[NodeProcess]]:
    started: list[NodeProcess] = []
    yield started
    for node in started:
        node.kill()


def on_kafka(root: Path, kafka: ApacheKafka, prefix: str) -> NodeProcess:
    settings = {
        "LOG__KIND": "kafka",
        "LOG__BOOTSTRAP": kafka.bootstrap,
        "LOG__REPLICATION": "1",
        "LOG__TOPIC_PREFIX": prefix,
        "LOG__PARTITIONS": "2",
        "NETWORK__PEER_ADDR": "127.0.0.1:0",
        "NETWORK__NAME": root.name,
        "NETWORK__REPLICAS": "2",
    }
    return NodeProcess(root, {f"GOVAULT_{name}": value for name, value in settings.items()})


def wait(what: str, holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.2)


def lose_topics(kafka: ApacheKafka, prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})

    def left() -> list[str]:
        return [name for name in admin.list_topics(timeout=30).topics if name.startswith(f"{prefix}.")]

    for gone in admin.delete_topics(left()).values():
        gone.result(30)
    wait("the topics are gone", lambda: not left())


def test_a_vault_of_two_nodes_outlives_its_log(
    kafka: ApacheKafka, prefix: str, tmp_path: Path, nodes: list[NodeProcess]
) -> None:
    one, two = on_kafka(tmp_path / "one", kafka, prefix), on_kafka(tmp_path / "two", kafka, prefix)
    nodes += [one, two]
    one.start()
    two.start("--join", one.cli("cluster", "token").strip())
    wait("a layout of both", lambda: len(json.loads(one.cli("layout", "show", "--json"))["holders"]) == 2)
    (tmp_path / "kept").write_bytes(b"before the backup" * 10_000)
    (tmp_path / "late").write_bytes(b"after it")
    one.cli("upload", str(tmp_path / "kept"), "main:/")
    one.cli("recovery-key", "export", str(tmp_path / "recovery.key"))
    one.cli("backup", str(tmp_path / "backup"))
    one.cli("upload", str(tmp_path / "late"), "main:/")
    wait("the other has it too", lambda: "late" in two.cli("ls", "main:/"))
    one.stop()
    two.stop()
    lose_topics(kafka, prefix)

    recovered = tmp_path / "recovered"
    embedded = NodeProcess(recovered, {"GOVAULT_LOG__TOPIC_PREFIX": prefix})
    nodes.append(embedded)
    embedded.cli("recover", str(tmp_path / "backup"), "--recovery-key-file", str(tmp_path / "recovery.key"))
    embedded.start()
    embedded.cli("check", "--read-data")
    embedded.stop()
    embedded.cli("log", "migrate", "--to", kafka.bootstrap, "--set", "log.replication=1")
    back = on_kafka(recovered, kafka, prefix)
    nodes.append(back)
    back.start()

    with pytest.raises(RuntimeError, match="remove the views folder"):
        two.start()
    two.kill()
    shutil.rmtree(two.root / "views")
    two.start()
    assert two.cli("cat", "main:/kept") == (tmp_path / "kept").read_text()
    assert two.cli("ls", "main:/").split() == ["kept"]
    two.cli("check", "--read-data")


@pytest.mark.long
def test_three_nodes_that_hold_two_replicas_outlive_all_of_their_disks(
    kafka: ApacheKafka, prefix: str, tmp_path: Path, nodes: list[NodeProcess]
) -> None:
    vault = [on_kafka(tmp_path / name, kafka, prefix) for name in ("one", "two", "three")]
    nodes += vault
    vault[0].start()
    for node in vault[1:]:
        node.start("--join", vault[0].cli("cluster", "token").strip())
    wait("a layout of all", lambda: len(json.loads(vault[0].cli("layout", "show", "--json"))["holders"]) == 3)
    sources = [tmp_path / f"kept-{number}" for number in range(4)]
    for number, source in enumerate(sources):
        source.write_bytes(os.urandom(3_000_000))
        vault[number % 3].cli("upload", str(source), "main:/")
    vault[0].cli("recovery-key", "export", str(tmp_path / "recovery.key"))

    def settled() -> bool:
        repairs = [json.loads(node.cli("repair", "status", "--json")) for node in vault]
        return all(repair["queue"]["chunks"] == 0 and repair["layout_reached"] for repair in repairs)

    wait("all chunks at two nodes", settled)
    backups = [tmp_path / f"backup-{node.root.name}" for node in vault]
    for node, backup in zip(vault, backups, strict=True):
        node.cli("backup", str(backup))
    for node in vault:
        node.stop()
        shutil.rmtree(node.root)
    lose_topics(kafka, prefix)

    back = NodeProcess(tmp_path / "back", {"GOVAULT_LOG__TOPIC_PREFIX": prefix})
    nodes.append(back)
    key = ("--recovery-key-file", str(tmp_path / "recovery.key"))
    # Each node lacks a third: one backup alone says so, and 6 is the exit code of what came back in part.
    with pytest.raises(RuntimeError, match="ended with 6"):
        NodeProcess(tmp_path / "part").cli("recover", str(backups[0]), *key)
    report = json.loads(back.cli("recover", *map(str, backups), *key, "--json"))
    assert report["whole"] is True
    back.start()
    for source in sources:
        back.cli("download", f"main:/{source.name}", str(tmp_path / "got"))
        assert (tmp_path / "got").read_bytes() == source.read_bytes()
        (tmp_path / "got").unlink()
    back.cli("check", "--read-data")

    # The vault goes on with machines that it has, as docs/cluster.md says.
    back.stop()
    back.cli("log", "migrate", "--to", kafka.bootstrap, "--set", "log.replication=1")
    again = on_kafka(back.root, kafka, prefix)
    new = on_kafka(tmp_path / "new", kafka, prefix)
    nodes += [again, new]
    again.start()
    for node in vault:
        again.cli("peers", "remove", "--force", node.root.name, "--yes")
    new.start("--join", again.cli("cluster", "token").strip())
    wait("a layout of both", lambda: len(json.loads(again.cli("layout", "show", "--json"))["holders"]) == 2)
    again.cli("upload", str(tmp_path / "recovery.key"), "main:/goes-on")
    wait("the new node has its share", lambda: json.loads(new.cli("repair", "status", "--json"))["layout_reached"])
    for source in sources:
        new.cli("download", f"main:/{source.name}", str(tmp_path / "got"))
        assert (tmp_path / "got").read_bytes() == source.read_bytes()
        (tmp_path / "got").unlink()
