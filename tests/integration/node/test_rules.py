"""Which rules partitions go by: the latest that every member of the vault has said it knows."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from govault.domain.rules import RULES_LATEST
from govault.services.cluster.rules_raising import RulesRaiser
from schemas.events.files import FolderMade, RulesActivated, SpaceOpened
from schemas.events.peers import JoinTokenIssued, NodeRemoved, NodeStarted
from tests.fakes.vault import ADMIN, Vault, open_vault
from tests.integration.conftest import RealVault
from tests.unit.domain.test_members import admitted, id_of

TOKEN_HASH = "cd" * 32


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Vault]:
    """A vault of two members, of which the first runs this program."""
    async with open_vault(tmp_path) as opened:
        for event in (
            admitted(0),
            JoinTokenIssued(token_hash=TOKEN_HASH, expires_ms=2**50),
            admitted(1, TOKEN_HASH),
            NodeStarted(node_id=id_of(0), version="new", rules=RULES_LATEST),
        ):
            await opened.services.submitter.submit(ADMIN, event, 0, subject="-")
        yield opened


def raiser_of(vault: Vault) -> RulesRaiser:
    return RulesRaiser(vault.views, vault.services.submitter)


def rules_of(vault: Vault | RealVault) -> set[int]:
    views = vault.views if isinstance(vault, Vault) else vault.running.services.views
    return {views.partition_row(partition).rules for partition in views.partitions()}


def activations(vault: Vault) -> int:
    return sum(isinstance(event.data, RulesActivated) for event in vault.log.events)


async def say(vault: Vault, event: NodeStarted | NodeRemoved) -> None:
    await vault.services.submitter.submit(ADMIN, event, 0, subject=event.node_id)


async def test_a_fresh_vault_goes_by_the_latest_rules_before_it_has_a_space(vault: RealVault) -> None:
    assert rules_of(vault) == {RULES_LATEST}
    (node,) = vault.running.services.views.nodes()
    assert node.rules == RULES_LATEST
    (space,) = vault.running.services.views.spaces()
    page = await vault.client.get("/admin/log/records", params={"topic": "files", "partition": space.partition})
    kinds = [orjson.loads(line)["event"]["type"] for line in page.text.splitlines()]
    raised = RULES_LATEST - 1
    assert kinds[: raised + 1] == [RulesActivated.TYPE] * raised + [SpaceOpened.TYPE]


async def test_rules_stay_while_a_member_has_not_said_that_it_knows_newer_ones(pair: Vault) -> None:
    await raiser_of(pair).work()  # The second has not even started.
    await say(pair, NodeStarted(node_id=id_of(1), version="old"))
    await raiser_of(pair).work()
    assert (rules_of(pair), activations(pair)) == ({1}, 0)


async def test_rules_rise_when_the_last_member_starts_a_newer_program(pair: Vault) -> None:
    await say(pair, NodeStarted(node_id=id_of(1), version="old"))
    await say(pair, NodeStarted(node_id=id_of(1), version="new", rules=RULES_LATEST + 1))
    await raiser_of(pair).work()
    assert rules_of(pair) == {RULES_LATEST}
    written = activations(pair)
    await raiser_of(pair).work()
    assert activations(pair) == written


async def test_rules_rise_when_the_only_old_member_is_removed(pair: Vault) -> None:
    await say(pair, NodeRemoved(node_id=id_of(1)))
    await raiser_of(pair).work()
    assert rules_of(pair) == {RULES_LATEST}


async def test_two_nodes_that_raise_at_the_same_time_agree(pair: Vault) -> None:
    await say(pair, NodeRemoved(node_id=id_of(1)))
    pair.log.held = True
    both = [asyncio.create_task(raiser_of(pair).work()) for _ in range(2)]
    await pair.log.wait_appended(RulesActivated, 2)
    pair.log.held = False
    pair.log.release()
    await asyncio.gather(*both)
    await raiser_of(pair).work()
    assert rules_of(pair) == {RULES_LATEST}


async def test_a_partition_that_is_not_folded_any_more_is_left_alone(pair: Vault) -> None:
    await say(pair, NodeRemoved(node_id=id_of(1)))
    space = pair.views.space_named("main")
    assert space is not None
    object.__setattr__(pair.services.submitter, "is_stopped", lambda _, partition: partition == space.partition)
    await raiser_of(pair).work()
    assert pair.views.partition_row(space.partition).rules == 1
    assert rules_of(pair) == {1, RULES_LATEST}


async def test_what_was_written_before_stays_when_rules_rise(pair: Vault) -> None:
    space = pair.views.space_named("main")
    assert space is not None
    made = FolderMade(space_id=space.space_id, path="before")
    await pair.services.submitter.submit(ADMIN, made, space.partition, subject=space.space_id)
    await say(pair, NodeRemoved(node_id=id_of(1)))
    await raiser_of(pair).work()
    assert pair.views.resolve(space.space_id, "before") is not None
