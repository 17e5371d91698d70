"""From a configuration to running parts, and back down in reverse order: the composition root."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from api.app import create_app
from api.types import App
from govault.auth.token import TokenAuthenticator, read_or_make_token
from govault.config import Configuration, Loaded
from govault.domain.actor import system
from govault.domain.rules import RULES_LATEST
from govault.errors import ViewsLagging
from govault.limits import BATCH_OPERATIONS_MAX
from govault.node.accounts import NodeAccounts, open_accounts
from govault.node.folder import DataFolder
from govault.node.healing import healing_settings, open_healing
from govault.node.identity import NodeIdentity, VaultIdentity, load_node, load_vault
from govault.node.joining import node_name
from govault.node.peers import Attendance, Neighbourhood, VaultGate, attend, meet, open_door
from govault.node.whereabouts import Whereabouts
from govault.node.wiring import (
    api_settings,
    connect,
    default_retention,
    metrics_registry,
    open_doors_to_know_of,
    shown,
    store_options,
    upkeep_settings,
)
from govault.node.world import SystemClock, SystemRandomness
from govault.ports import EventLog
from govault.services.catalog import Services, assemble, with_accounts
from govault.services.cluster.announcing import Addresses, Announcer
from govault.services.cluster.members import ThisNode
from govault.services.cluster.rules_raising import RulesRaiser
from govault.services.log.clock import LogClock
from govault.services.maintenance.assembly import NodeSources, Upkeep, UpkeepPorts, assemble_upkeep
from govault.services.maintenance.backup import BackupSources
from govault.services.maintenance.purges import PurgeBudget
from govault.storage.keyring import Keyring
from govault.storage.store import PackChunkStore
from schemas.events.peers import NodeAdmitted, NodeStarted
from schemas.topics import Topic
from streams.app import STOP_TIMEOUT_S
from streams.broker.sizes import partition_sizes
from streams.broker.supervisor import EmbeddedBroker
from streams.connection import Connection
from streams.log_reader import KafkaLogReader
from streams.streams import Streams, StreamsSettings
from streams.views.fold import FoldKeys
from streams.views.generation import VaultIdentity as ViewsOwner
from streams.views.views import RocksViews

VERSION = version("govault")
BROKEN_GRACE_S = 2.0
KNOW_THE_VAULT_S = 60.0
_PROGRESS_RECORDS_MIN = 20_000
_log = logging.getLogger(__name__)


@dataclass
class Ending:
    """How the node goes down: told by its life, heard by its parts.

    Attributes:
        began: Whether it has begun.
        broken: Whether a part died: then nobody waits long for the others.
    """

    began: bool = False
    broken: bool = False


@dataclass
class Running:
    """A composed node.

    Attributes:
        first_start: Whether this start made the vault.
        first_password: Of the account ``admin``, where this start made it.
        ending: Whether and how the node is shutting down.
    """

    app: App
    services: Services
    streams: Streams
    broker: EmbeddedBroker | None
    bootstrap: str
    node: NodeIdentity
    vault: VaultIdentity
    upkeep: asyncio.Task[None]
    first_start: bool
    first_password: str | None
    ending: "Ending"

    def facts(self, url: str) -> dict[str, object]:
        """For commands on this machine."""
        return {
            "url": url,
            "pid": os.getpid(),
            "log": self.bootstrap,
            "log_pid": self.broker.pid if self.broker else None,
            "vault_id": self.vault.vault_id,
            "node_id": self.node.node_id,
            "version": VERSION,
        }

    async def wait_broken(self) -> str:
        """Return, with the reason, when a part died that the node cannot do without."""
        died = asyncio.create_task(self.broker.died.wait() if self.broker else asyncio.Event().wait())
        parts: list[asyncio.Future[Any]] = [self.streams.crashed, died, self.upkeep]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            if died.done() and self.broker:
                return f"the embedded log's process ended with exit code {self.broker.exit_code}"
            if self.streams.crashed.done():
                return f"folding the log crashed: {self.streams.crashed.result()!r}"
            return f"the background work crashed: {_said(self.upkeep)}"
        finally:
            died.cancel()
            await asyncio.gather(died, return_exceptions=True)


def _said(task: asyncio.Task[None]) -> str:
    if task.cancelled():
        return "it was cancelled"
    error = task.exception()
    return repr(error) if error else "it ended"


@asynccontextmanager
async def compose(loaded: Loaded, folder: DataFolder, url: str) -> AsyncIterator[Running]:
    """Start every part in order; stop them in reverse order on the way out."""
    configuration = loaded.configuration
    async with AsyncExitStack() as stack:
        keyring = await asyncio.to_thread(Keyring.open, folder.keys, configuration.security.encryption_key_file)
        first_start = not folder.vault_file.exists()
        operator = TokenAuthenticator(read_or_make_token(folder.token_file, SystemRandomness()))
        log = configuration.log
        vault = load_vault(folder, log.kind, log.topic_prefix, log.partitions)
        node = load_node(folder)
        broker, connection = await connect(configuration, folder, stack)
        streams = await Streams.start(
            StreamsSettings(
                connection=connection,
                views_root=folder.views,
                node_id=node.node_id,
                vault=ViewsOwner(vault.vault_id, vault.partitions, FoldKeys(keyring.event_mac_key, keyring.digest_key)),
            ),
            progress=_tell_progress,
        )
        clock = LogClock(SystemClock())
        streams.log.on_append = clock.heard
        ending = Ending()
        stack.push_async_callback(_stop_streams, streams, ending)
        await know_the_vault(streams.log, streams.views)
        store = await PackChunkStore.open(folder.store, keyring, store_options(configuration))
        stack.push_async_callback(store.close)
        for partition in streams.views.partitions():
            store.note_epoch(streams.views.partition_row(partition).epoch)

        near = await meet(configuration, node, keyring, streams.views, store, stack)
        whereabouts = Whereabouts(configuration, url, near.listener)
        addresses = await whereabouts()
        registry = metrics_registry()
        identity = ThisNode(
            vault_id=vault.vault_id,
            node_id=node.node_id,
            public_key=node.public_key,
            name=node_name(configuration),
            zone=configuration.network.zone,
            version=VERSION,
            started_ms=SystemClock().time_ms(),
            addresses=addresses.for_clients,
            log_kind=vault.log_kind,
        )
        ports = UpkeepPorts(
            log=streams.log,
            reader=KafkaLogReader(connection, vault.partitions),
            views=streams.views,
            view_upkeep=streams.views,
            store=near.store,
            packs=store,
            keys=keyring,
            node_key=node,
            clock=clock,
            randomness=SystemRandomness(),
            mac_key=keyring.event_mac_key,
            cluster=near.cluster,
            join_token_key=keyring.derive("join tokens"),
        )
        source = f"/vaults/{vault.vault_id}/nodes/{node.node_id}"
        services = assemble(
            log=ports.log,
            views=ports.views,
            store=near.store,
            clock=ports.clock,
            randomness=ports.randomness,
            source=source,
            straight=store,
            default_retention=default_retention(configuration),
            accounts_may_create_spaces=configuration.accounts.may_create_spaces,
            cursor_key=keyring.derive("cursors of hidden places"),
            is_stopped=lambda topic, partition: (topic, partition) in streams.views.stopped(),
        )
        accounts = await stack.enter_async_context(
            open_accounts(
                folder, configuration, ports, streams.log, keyring, services.submitter, operator, vault.vault_id
            )
        )
        sources = NodeSources(
            files=BackupSources(folder.root, vault.vault_id, node.node_id, made_by=f"GoVault {VERSION}"),
            config=lambda: shown(configuration),
            log_process=lambda: ("running" if broker.pid else "stopped") if broker else "",
            log_sizes=lambda: _log_sizes(folder, connection) if broker else {},
            stopping=lambda: ending.began,
            insecure=lambda: open_doors_to_know_of(configuration),
            frozen=lambda: near.cluster.frozen,
        )
        healing = await stack.enter_async_context(
            open_healing(
                folder,
                ports,
                store,
                services.submitter,
                healing_settings(configuration.workers),
                cluster=near.cluster,
                peers=near.peers,
                links=near.links,
            )
        )
        attendance = attend(near, services.submitter, ports, folder, healing)
        upkeep = assemble_upkeep(
            ports,
            services.submitter,
            identity,
            replace(sources, network=attendance.network),
            upkeep_settings(configuration),
            registry,
            services.uploads.in_flight,
            healing,
            (
                attendance.heartbeats,
                Announcer(ports.views, services.submitter, node.node_id, whereabouts),
                *accounts.workers,
            ),
        )
        services = replace(with_accounts(services, accounts.services, clock, ports.randomness), upkeep=upkeep)
        # Before anybody comes in: what others seal must open here, and what is sealed here must open there.
        await upkeep.roots.follow()
        store.on_missing_root(upkeep.roots.wait_for)
        open_door(near, attendance, streams.views, VaultGate(upkeep.join_tokens, keyring, vault, folder), stack)
        # Tells this node the log's time, before it says anything that must come in time.
        await attendance.heartbeats.work()
        await _introduce(services, identity, near, configuration, addresses)
        first_password = await accounts.begin()
        background = asyncio.create_task(_run(upkeep, attendance, accounts), name="upkeep")
        stack.push_async_callback(_cancel, background)
        yield Running(
            app=create_app(services, api_settings(configuration, VERSION, registry), accounts.services.authenticator),
            services=services,
            streams=streams,
            broker=broker,
            bootstrap=connection.bootstrap,
            node=node,
            vault=vault,
            upkeep=background,
            first_start=first_start,
            first_password=first_password,
            ending=ending,
        )


async def know_the_vault(log: EventLog, views: RocksViews, within_s: float = KNOW_THE_VAULT_S) -> None:
    """Return when the views know all that the log says now of nodes, accounts and spaces.

    A short backlog is left to the agents, and what a start decides by the views (whether the vault has nodes, an
    account, a space) must not come before it: a vault that came back from a backup would take itself for a new one.

    Raises:
        ViewsLagging: Not in time.
    """
    for topic in (Topic.PEERS, Topic.DIRECTORY, Topic.ACCOUNTS):
        end = (await log.end_offsets(topic)).get(0, 0)
        try:
            await views.wait_applied((topic, 0), end - 1, within_s)
        except TimeoutError as error:
            raise ViewsLagging(f"{topic.value} was not folded within {within_s:g} s; start again") from error


def _log_sizes(folder: DataFolder, connection: Connection) -> dict[tuple[Topic, int], int]:
    sizes = partition_sizes(folder.log).items()
    return {(topic, number): size for (name, number), size in sizes if (topic := connection.topic_of(name))}


async def _run(upkeep: Upkeep, attendance: Attendance, accounts: NodeAccounts) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(upkeep.run(), name="upkeep")
        group.create_task(attendance.run(), name="attendance")
        group.create_task(accounts.run(), name="accounts")


async def _introduce(
    services: Services, node: ThisNode, near: Neighbourhood, configuration: Configuration, addresses: Addresses
) -> None:
    """Tell the log that this node belongs to the vault and runs; make the default space; finish what a crash left."""
    actor = system("start")
    if not any(row.node_id == node.node_id for row in services.views.nodes()):
        await _admit(services, node, near, configuration.network.weight)
    started = NodeStarted(
        node_id=node.node_id,
        version=node.version,
        addresses=addresses.for_clients,
        peer_addresses=addresses.for_peers,
        rules=RULES_LATEST,
    )
    if addresses.for_peers:
        _log.info("peers reach this node at %s", ", ".join(addresses.for_peers))
    await services.submitter.submit(actor, started, 0, subject=node.node_id)
    # Before spaces are made, so that those of a fresh vault know from their first event who may do what.
    await RulesRaiser(services.views, services.submitter).work()
    await services.namespace.spaces.finish_openings()
    await services.namespace.spaces.finish_closings(PurgeBudget(BATCH_OPERATIONS_MAX))
    await services.namespace.spaces.ensure_default_space()


async def _admit(services: Services, node: ThisNode, near: Neighbourhood, weight: int) -> None:
    """The vault's first node, or the one that came back alone from a backup that had no node's key."""
    public_key, name, zone = node.public_key, node.name, node.zone
    if near.alone and services.upkeep is not None and any(True for _ in services.views.nodes()):
        await services.upkeep.join_tokens.admit_keyholder(bytes.fromhex(public_key), name, zone, weight)
        return
    admitted = NodeAdmitted(node_id=node.node_id, public_key=public_key, name=name, zone=zone, weight=weight)
    await services.submitter.submit(system("start"), admitted, 0, subject=node.node_id)


async def _stop_streams(streams: Streams, ending: Ending) -> None:
    await streams.stop(BROKEN_GRACE_S if ending.broken else STOP_TIMEOUT_S)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(task, return_exceptions=True)


def _tell_progress(done: int, total: int) -> None:
    """Catching up takes long after a rebuild only: then people see how far it is."""
    if total >= _PROGRESS_RECORDS_MIN:
        _log.info("folding the log: %d of %d events (%d %%)", done, total, 100 * done // total)
