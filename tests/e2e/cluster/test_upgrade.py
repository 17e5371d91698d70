"""A rolling upgrade: nodes that know newer rules beside older ones, under load, and one that goes back."""

import hashlib
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.local.kafka import missing
from deploy.local.node_process import NodeProcess
from govault.domain.rules import RULES_LATEST
from schemas.events.files import RulesActivated
from schemas.events.peers import NodeStarted
from tests.e2e.cluster.conftest import SETTINGS
from tests.e2e.cluster.test_people import PASSWORD, ask, log_in
from tests.e2e.cluster.vault import Load, Vault

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(500)]

PARTITIONS = int(SETTINGS["GOVAULT_LOG__PARTITIONS"])
OLDER = {"PYTHONPATH": str(Path(__file__).with_name("older"))}
"""What makes a node, and all processes that it starts, a program that knows no rules but the first."""


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """A vault that older programs made."""
    if reason := missing():
        pytest.skip(reason)
    made = Vault(tmp_path_factory.mktemp("upgrade"), environment=SETTINGS | OLDER)
    try:
        made.start()
        made.wait_layout(3)
        yield made
    finally:
        made.stop()


def set_program(node: NodeProcess, older: bool) -> None:
    """Which program the node's next start runs."""
    node.environment = {name: value for name, value in node.environment.items() if name not in OLDER}
    if older:
        node.environment |= OLDER


def events(vault: Vault, node: NodeProcess, topic: str, partition: int, kind: str) -> list[dict[str, Any]]:
    """All that the log says of one kind, in a node's words."""
    status, body = vault.ask(node, "GET", f"/admin/log/records?topic={topic}&partition={partition}")
    assert status == 200, body[:300]
    found = [json.loads(line)["event"] for line in body.splitlines()]
    return [event["data"] for event in found if event["type"] == kind]


def activated(vault: Vault, node: NodeProcess) -> list[list[int]]:
    """The rules that were activated, of each partition in order; two nodes may have written the same rise."""
    return [
        sorted({data["rules"] for data in events(vault, node, "files", partition, RulesActivated.TYPE)})
        for partition in range(PARTITIONS)
    ]


def rules_said(vault: Vault, node: NodeProcess) -> int:
    """Which rules a node said it knows, when it started last."""
    started = events(vault, vault.nodes[0], "peers", 0, NodeStarted.TYPE)
    return int([data for data in started if data["node_id"] == node.facts["node_id"]][-1]["rules"])


def digests(node: NodeProcess) -> list[tuple[Any, ...]]:
    """Position and both digests of every partition, and why it is not folded on."""
    views = json.loads(node.cli("views", "digest", "--json"))
    names = ("topic", "partition", "applied", "history", "view", "stopped")
    return sorted(tuple(row[name] for name in names) for row in views["partitions"])


def wait_equal_digests(vault: Vault, nodes: list[NodeProcess]) -> None:
    """Wait until nodes have applied the same and made the same of it."""

    def equal() -> bool:
        first, *others = (digests(node) for node in nodes)
        return all(other == first for other in others)

    vault.wait("digests are equal", equal)


def reads(node: NodeProcess, path: str, token: str) -> bool:
    """Whether somebody reads the plan there."""
    return ask(node, "GET", path, token=token) == (200, b"plan")


def test_rules_rise_when_the_last_of_three_nodes_is_upgraded_and_a_node_that_goes_back_refuses_writes(
    vault: Vault,
) -> None:
    operator = vault.token_of_all
    assert [rules_said(vault, node) for node in vault.nodes] == [1] * 3
    status, bob = ask(vault.nodes[0], "POST", "/accounts", {"login": "bob", "password": PASSWORD}, operator)
    assert status == 201, bob
    assert vault.put(vault.nodes[0], "granted/plan", b"plan") == 201
    plan = "/spaces/main/files/granted/plan"
    file_id = ask(vault.nodes[0], "GET", f"{plan}?metadata=true", token=operator)[1]["id"]
    grant = f"/files/{file_id}/access/{bob['id']}"
    for node in vault.nodes:
        vault.wait_read(node, "granted/plan", b"plan")

    with Load(vault, vault.nodes, writers=2, rest_s=0.1) as load:
        for node in vault.nodes:
            assert activated(vault, vault.nodes[0]) == [[]] * PARTITIONS
            refused, why = ask(node, "PUT", grant, {"level": "read"}, operator)
            assert (refused, why["type"]) == (409, "urn:govault:problem:conflict.access-not-decided"), why
            load.wait_written(8)
            with load.away(node):
                assert node.stop() == 0
                set_program(node, older=False)
                node.start()
                assert rules_said(vault, node) == RULES_LATEST
                load.wait_written(8)
        raised = [list(range(2, RULES_LATEST + 1))] * PARTITIONS
        vault.wait("every partition goes by the latest rules", lambda: activated(vault, vault.nodes[0]) == raised)
        load.wait_written(8)
    assert (load.failed_writes, load.failed_reads) == ([], [])
    assert load.reads > 0
    load.check()

    assert ask(vault.nodes[0], "PUT", grant, {"level": "read"}, operator)[0] == 200
    vault.wait("bob logs in", lambda: log_in(vault.nodes[1], "bob")[0] == 200)
    token = log_in(vault.nodes[1], "bob")[1]["access_token"]
    for node in vault.nodes:
        vault.wait("bob reads", partial(reads, node, plan, token))
    wait_equal_digests(vault, vault.nodes)
    assert not any(row[-1] for row in digests(vault.nodes[0]))
    vault.wait_whole()

    *others, back = vault.nodes
    before = [row for row in digests(back) if row[0] == "files"]
    assert back.stop() == 0
    set_program(back, older=True)
    back.start()
    assert rules_said(vault, back) == 1
    with Load(vault, others, writers=2, rest_s=0.1) as later:
        later.wait_written(15)
    assert (later.failed_writes, later.failed_reads) == ([], [])
    status, body = vault.ask(back, "PUT", "/spaces/main/files/by-the-older", b"x")
    assert (status, json.loads(body)["type"]) == (503, "urn:govault:problem:event-log.newer-rules"), body
    assert "a newer GoVault" in json.loads(body)["detail"]
    # What it has is what it had when it stopped folding: nothing that came later, and nothing decided otherwise.
    assert [row[:-1] for row in digests(back) if row[0] == "files"] == [row[:-1] for row in before]
    for path, sha256 in load.written.items():
        status, body = vault.get(back, path)
        assert (status, hashlib.sha256(body).hexdigest()) == (200, sha256), path
    assert {vault.get(back, path)[0] for path in later.written} == {404}
    with pytest.raises(RuntimeError, match="a newer version folded it"):
        back.cli("doctor")

    assert back.stop() == 0
    set_program(back, older=False)
    back.start()
    content = os.urandom(100_000)
    vault.wait("it takes writes again", lambda: vault.put(back, "upgraded-again", content) in (200, 201))
    for node in vault.nodes:
        vault.wait_read(node, "upgraded-again", content)
    vault.wait_whole()
    load.check()
    later.check()
    wait_equal_digests(vault, vault.nodes)
