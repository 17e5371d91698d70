"""A data folder becomes one of a vault by a token, over real TLS; or it is said why not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govault.config import Configuration, load
from govault.domain.join_token import Introducer, JoinToken, parse
from govault.domain.rows import NodeRow, NodeState
from govault.errors import AccessDenied, Cluster, Config, InvalidRequest, NotFound
from govault.node.folder import DataFolder, write_durably
from govault.node.identity import NodeIdentity, VaultIdentity, load_node, load_vault
from govault.node.joining import join
from govault.node.peers import VaultGate
from govault.node.world import SystemRandomness
from govault.peering.certificates import make_contexts
from govault.peering.joining import new_introductions
from govault.peering.requests import PeerRequests
from govault.peering.server import PeerServer
from govault.services.cluster.cluster_map import FoldedClusterMap
from govault.services.cluster.join_tokens import JoinTokens
from govault.storage.keyring import Keyring
from schemas.events.peers import NodeAdmitted, NodeRemoved, NodeStarted
from tests.fakes.vault import ADMIN, Vault, open_vault
from tests.integration.peering.ends import Shelf, ends

VAULT = VaultIdentity("11111111-2222-3333-4444-555555555555", "kafka", "govault", 4)


@dataclass
class Inviting:
    """A vault's first node, as far as joining needs it."""

    vault: Vault
    node: NodeIdentity
    keyring: Keyring
    server: PeerServer
    tokens: JoinTokens

    def nodes(self) -> dict[str, NodeRow]:
        return {row.node_id: row for row in self.vault.views.nodes()}

    async def token(self, valid_s: float = 3600, **wishes: Any) -> str:
        return await self.tokens.issue(ADMIN, valid_s, **wishes)

    async def remove(self, node_id: str) -> None:
        await self.vault.services.submitter.submit(ADMIN, NodeRemoved(node_id=node_id), 0, subject=node_id)


@pytest.fixture
async def inviting(tmp_path: Path) -> AsyncIterator[Inviting]:
    async with open_vault(tmp_path / "inviting") as vault:
        keyring = Keyring(bytes(range(32)))
        keyring.rotate()
        node = NodeIdentity(Ed25519PrivateKey.generate())
        submitter = vault.services.submitter
        folder = DataFolder(tmp_path / "introducer")
        folder.root.mkdir()
        write_durably(folder.token_file, "the-admins-token\n")
        cluster = FoldedClusterMap(vault.views, vault.views, node.node_id)
        key = keyring.derive("join")
        tokens = JoinTokens(vault.views, submitter, cluster, vault.clock, vault.randomness, key, VAULT.vault_id)
        gate = VaultGate(tokens, keyring, VAULT, folder)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        server = PeerServer(
            listener,
            make_contexts(node.key, keyring.derive("peer authority")).server,
            lambda _: False,
            PeerRequests(Shelf(), Shelf()),
            new_introductions(node.node_id, gate, SystemRandomness()),
        )
        server.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        for event in (
            NodeAdmitted(node_id=node.node_id, public_key=node.public_key, name="one"),
            NodeStarted(node_id=node.node_id, version="1", peer_addresses=(address,)),
        ):
            await submitter.submit(ADMIN, event, 0, subject=node.node_id)
        yield Inviting(vault, node, keyring, server, tokens)
        await server.stop()


def configured(**environment: str) -> Configuration:
    return load(
        environment={
            "GOVAULT_LOG__KIND": "kafka",
            "GOVAULT_LOG__BOOTSTRAP": "127.0.0.1:1",
            **{f"GOVAULT_{name.upper()}": value for name, value in environment.items()},
        }
    ).configuration


async def join_in(root: Path, token: str, **environment: str) -> str:
    """Join with a data folder, as ``govault start --join`` does; the node's id."""
    folder = DataFolder.open(root)
    try:
        await join(configured(**environment), folder, token)
        return load_node(folder).node_id
    finally:
        folder.close()


async def test_a_joiner_gets_what_makes_it_one_of_the_vault(inviting: Inviting, tmp_path: Path) -> None:
    node_id = await join_in(tmp_path / "two", await inviting.token(), network__name="two", network__zone="z2")
    folder = DataFolder(tmp_path / "two")
    assert load_vault(folder, "kafka", "govault", 4) == VAULT
    keyring = Keyring.open(folder.keys)
    assert keyring.recovery_key() == inviting.keyring.recovery_key()
    assert keyring.sealing_root(2) == inviting.keyring.sealing_root(2)
    assert (folder.keys / "root.key").stat().st_mode & 0o077 == 0
    assert folder.token_file.read_text() == "the-admins-token\n"
    assert folder.token_file.stat().st_mode & 0o077 == 0
    row = inviting.nodes()[node_id]
    assert (row.name, row.zone, row.weight) == ("two", "z2", 1)


async def test_a_folder_that_joined_already_asks_nobody(inviting: Inviting, tmp_path: Path) -> None:
    token = await inviting.token()
    first = await join_in(tmp_path / "two", token)
    await inviting.server.stop()
    assert await join_in(tmp_path / "two", token) == first


async def test_a_folder_of_another_vault_is_refused_and_stays_as_it_is(inviting: Inviting, tmp_path: Path) -> None:
    folder = DataFolder.open(tmp_path / "two")
    own = load_vault(folder, "kafka", "govault", 4)
    folder.close()
    token = await inviting.token()
    with pytest.raises(Config, match=f"belongs to the vault {own.vault_id}.*{VAULT.vault_id}"):
        await join_in(tmp_path / "two", token)
    assert load_vault(folder, "kafka", "govault", 4) == own
    assert len(inviting.nodes()) == 1
    await join_in(tmp_path / "three", token)


async def test_an_introducer_of_another_vault_than_the_token_says_is_not_believed(
    inviting: Inviting, tmp_path: Path
) -> None:
    token = parse(await inviting.token())._replace(vault_id="another")
    with pytest.raises(Cluster, match="another vault"):
        await join_in(tmp_path / "two", token.text())
    assert not (tmp_path / "two/vault.json").exists()
    assert not (tmp_path / "two/keys/root.key").exists()


@pytest.mark.parametrize(
    "lost",
    [
        ["vault.json"],
        ["vault.json", "admin.token", "keys/keyring.json"],
        ["vault.json", "admin.token", "keys/root.key", "keys/keyring.json"],
    ],
)
async def test_a_join_that_a_crash_ended_goes_on_with_the_same_token(
    inviting: Inviting, tmp_path: Path, lost: list[str]
) -> None:
    token = await inviting.token()
    first = await join_in(tmp_path / "two", token)
    for name in lost:
        (tmp_path / "two" / name).unlink()
    assert await join_in(tmp_path / "two", token) == first
    assert Keyring.open(tmp_path / "two/keys").sealing_epochs == [1, 2]
    assert len(inviting.nodes()) == 2


async def test_a_token_lets_one_node_in_also_when_two_come_at_once(inviting: Inviting, tmp_path: Path) -> None:
    token = await inviting.token()
    results = await asyncio.gather(
        *(join_in(tmp_path / name, token) for name in ("two", "three")), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["AccessDenied", "str"]
    assert len(inviting.nodes()) == 2
    (row,) = inviting.tokens.listed()
    assert row.spent_by in results


async def test_a_token_that_a_member_showed_lets_nobody_else_in(inviting: Inviting, tmp_path: Path) -> None:
    await join_in(tmp_path / "two", await inviting.token())
    (tmp_path / "two/vault.json").unlink()
    second = await inviting.token()
    await join_in(tmp_path / "two", second)
    with pytest.raises(AccessDenied, match="spent or revoked"):
        await join_in(tmp_path / "three", second)
    assert len(inviting.nodes()) == 2


async def test_an_expired_token_is_refused(inviting: Inviting, tmp_path: Path) -> None:
    token = await inviting.token(60)
    inviting.vault.clock.advance(61)
    with pytest.raises(AccessDenied, match="expired"):
        await join_in(tmp_path / "two", token)
    assert len(inviting.nodes()) == 1


async def test_a_revoked_token_is_refused(inviting: Inviting, tmp_path: Path) -> None:
    token = await inviting.token()
    await inviting.tokens.revoke(ADMIN, parse(token).token_hash[:10])
    with pytest.raises(AccessDenied, match="revoked"):
        await join_in(tmp_path / "two", token)
    with pytest.raises(NotFound):
        await inviting.tokens.revoke(ADMIN, "ffffffff")


async def test_a_made_up_token_is_refused_and_writes_nothing_to_the_log(inviting: Inviting, tmp_path: Path) -> None:
    genuine = parse(await inviting.token())
    before = inviting.vault.views.applied()
    for made_up in (genuine._replace(secret=b"x" * 32), genuine._replace(token_id=b"i" * 16)):
        with pytest.raises(AccessDenied):
            await join_in(tmp_path / "two", made_up.text())
    assert inviting.vault.views.applied() == before
    assert not (tmp_path / "two/keys/root.key").exists()


async def test_a_removed_node_does_not_come_back(inviting: Inviting, tmp_path: Path) -> None:
    token = await inviting.token()
    node_id = await join_in(tmp_path / "two", token)
    await inviting.remove(node_id)
    for name in ("vault.json", "keys/root.key", "keys/keyring.json"):
        (tmp_path / "two" / name).unlink()
    for shown in (token, await inviting.token()):
        with pytest.raises(AccessDenied):
            await join_in(tmp_path / "two", shown)
    assert not (tmp_path / "two/keys/root.key").exists()


async def test_a_folder_that_came_back_without_its_key_takes_the_place_of_the_vault_s_only_node(
    inviting: Inviting,
) -> None:
    node = NodeIdentity(Ed25519PrivateKey.generate())
    await inviting.tokens.admit_keyholder(bytes.fromhex(node.public_key), "one", "", 1)
    states = {node_id: row.state for node_id, row in inviting.nodes().items()}
    assert states == {inviting.node.node_id: NodeState.REMOVED, node.node_id: NodeState.ADMITTED}
    assert all(token.spent_by for token in inviting.tokens.listed())


async def test_another_node_at_the_address_is_not_trusted(inviting: Inviting, tmp_path: Path) -> None:
    token = parse(await inviting.token())
    elsewhere = token._replace(introducers=(Introducer("ab" * 32, token.introducers[0].addresses),))
    with pytest.raises(Cluster, match="is the node"):
        await join_in(tmp_path / "two", elsewhere.text())


async def test_an_introducer_that_is_down_is_said_so(inviting: Inviting, tmp_path: Path) -> None:
    token = await inviting.token()
    await inviting.server.stop()
    with pytest.raises(Cluster, match=r"network\.advertise"):
        await join_in(tmp_path / "two", token)


async def test_a_bootstrap_node_lets_in_where_the_token_s_introducers_are_out_of_reach(
    inviting: Inviting, tmp_path: Path
) -> None:
    token = parse(await inviting.token())
    (member,) = token.introducers
    gone = token._replace(introducers=(Introducer("ab" * 32, ("127.0.0.1:1",)),))
    elsewhere = f'["127.0.0.1:1", "{member.addresses[0]}"]'
    node_id = await join_in(tmp_path / "two", gone.text(), network__bootstrap_nodes=elsewhere)
    assert node_id in inviting.nodes()


async def test_a_bootstrap_node_that_does_not_know_the_token_s_secret_is_not_believed(
    inviting: Inviting, tmp_path: Path
) -> None:
    async with ends(1) as (impostor,):
        token = parse(await inviting.token())
        impostor.gate.open_tokens.add(token.token_id)
        gone = token._replace(introducers=(Introducer("ab" * 32, ("127.0.0.1:1",)),))
        with pytest.raises(AccessDenied):
            await join_in(tmp_path / "two", gone.text(), network__bootstrap_nodes=f'["{impostor.address}"]')
    assert impostor.gate.admitted == []
    assert not (tmp_path / "two/vault.json").exists()
    assert len(inviting.nodes()) == 1


async def test_another_topic_prefix_is_noticed_before_a_secret_is_kept(inviting: Inviting, tmp_path: Path) -> None:
    token = await inviting.token()
    with pytest.raises(Config, match=r"log\.topic_prefix"):
        await join_in(tmp_path / "two", token, log__topic_prefix="else")
    assert not (tmp_path / "two/keys/root.key").exists()
    await join_in(tmp_path / "two", token)


async def test_a_key_file_may_bring_the_root_secret(inviting: Inviting, tmp_path: Path) -> None:
    key_file = tmp_path / "secret"
    key_file.write_text(inviting.keyring.recovery_key())
    await join_in(tmp_path / "two", await inviting.token(), security__encryption_key=str(key_file))
    assert not (tmp_path / "two/keys/root.key").exists()
    key_file.write_bytes(b"q" * 32)
    with pytest.raises(Config, match=r"security\.encryption_key"):
        await join_in(tmp_path / "three", await inviting.token(), security__encryption_key=str(key_file))
    assert not (tmp_path / "three/vault.json").exists()


async def test_the_embedded_log_joins_nobody(inviting: Inviting, tmp_path: Path) -> None:
    with pytest.raises(Config, match=r"log\.kind: kafka"):
        await join_in(tmp_path / "two", await inviting.token(), log__kind="embedded", log__bootstrap="[]")


async def test_what_is_no_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="not a join token"):
        await join_in(tmp_path / "two", "hello")


async def test_a_token_out_of_bounds_is_not_issued(inviting: Inviting) -> None:
    for valid_s in (0, 1e9):
        with pytest.raises(InvalidRequest):
            await inviting.token(valid_s)


async def test_the_log_keeps_no_secret(inviting: Inviting) -> None:
    token: JoinToken = parse(await inviting.token())
    said = repr([tuple(row) for row in inviting.vault.views.peers().join_tokens()])
    assert token.token_hash in said
    assert token.secret.hex() not in said
    assert token.token_id.hex() not in said
