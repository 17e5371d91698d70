"""The nodes of the vault and who of them holds what: peers, layout."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli.app import App
from govault.cli.confirm import confirm
from govault.cli.jobs import run_job
from govault.cli.output import emit, fields, remark, size, table
from govault.cli.session import connect

if TYPE_CHECKING:
    from govault.client import Client
    from schemas.rest.admin import LayoutDocument, PeerDocument
    from schemas.rest.members import LayoutPlanDocument

Node = Annotated[str, typer.Argument(metavar="NODE", help="Its id, its name, or the beginning of its id.")]
Replicas = Annotated[int | None, typer.Option("--replicas", help="Nodes that hold each chunk.")]
Quorum = Annotated[int | None, typer.Option("--write-quorum", help="Durable replicas that a write waits for.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be done.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_ID_SHOWN = 12


def register(app: App) -> None:
    """Put the verbs on the app."""
    peers = App(help="The nodes of the vault.")
    peers.verb("list")(peers_list)
    peers.verb("show")(peers_show)
    peers.verb("topology")(peers_topology)
    peers.verb("benchmark")(peers_benchmark)
    peers.verb("rename")(peers_rename)
    peers.verb("weight")(peers_weight)
    peers.verb("zone")(peers_zone)
    peers.verb("drain")(peers_drain)
    peers.verb("undrain")(peers_undrain)
    peers.verb("remove")(peers_remove)
    app.add_typer(peers, name="peers")
    layout = App(help="Which nodes hold which chunks.")
    layout.verb("show")(layout_show)
    layout.verb("plan")(layout_plan)
    layout.verb("apply")(layout_apply)
    app.add_typer(layout, name="layout")


def peers_list(
    removed: Annotated[bool, typer.Option("--removed", help="Also those that were removed.")] = False,
) -> None:
    """List the nodes of the vault."""

    async def act(vault: "Client") -> None:
        found = (await vault.members.list(removed=removed)).peers
        rows = [
            (
                peer.name,
                _state(peer),
                peer.zone or "-",
                peer.weight,
                peer.slots,
                ", ".join(peer.addresses),
                peer.node_id,
            )
            for peer in found
        ]
        emit(found, lambda: table(("name", "state", "zone", "weight", "slots", "addresses", "id"), rows))

    connect(act)


def peers_show(node: Node) -> None:
    """Tell all that is known of a node."""

    async def act(vault: "Client") -> None:
        peer = await vault.members.get(node)
        emit(peer, lambda: _told(peer))

    connect(act)


def peers_topology() -> None:
    """Tell the vault's nodes, links and log."""

    async def act(vault: "Client") -> None:
        found = await vault.members.topology()
        facts = [
            ("vault", found.vault_id),
            ("this node", found.this_node),
            ("log", f"{found.log_kind}, {found.partitions} partitions"),
            ("nodes", ", ".join(peer.node_id for peer in found.peers)),
        ]
        links = [
            (
                link.source[:_ID_SHOWN],
                link.target[:_ID_SHOWN],
                f"{link.latency_ms:g} ms",
                _rate(link.bandwidth_bytes_s),
                link.score,
            )
            for link in found.links
        ]
        columns = ("from", "to", "round trip", "bandwidth", "score")
        emit(found, lambda: fields(facts) + ("\n" + table(columns, links) if links else ""))

    connect(act)


def peers_benchmark(
    node: Annotated[str | None, typer.Argument(metavar="[NODE]", help="Only this one; all without.")] = None,
) -> None:
    """Measure the links to other nodes now: round trips, and a transfer of chunks that they hold."""

    def told(result: Any) -> str:
        rows = [
            (
                peer["name"] or peer["node_id"][:_ID_SHOWN],
                peer["error"] or f"{peer['round_trip_ms']:g} ms",
                f"{peer['round_trip_ms_max']:g} ms",
                size(peer["transferred_bytes"]),
                _rate(peer["bandwidth_bytes_s"]),
            )
            for peer in result["peers"]
        ]
        return table(("node", "round trip", "slowest", "fetched", "bandwidth"), rows)

    run_job("measuring", lambda vault: vault.members.start_benchmark(node), told=told)


def peers_rename(node: Node, name: Annotated[str, typer.Argument(help="The new name.")]) -> None:
    """Give a node another name."""
    _change(node, {"name": name})


def peers_weight(node: Node, weight: Annotated[int, typer.Argument(min=0, help="0: it holds nothing.")]) -> None:
    """Say how much of the chunks a node holds: twice the weight, twice as much."""
    _change(node, {"weight": weight})


def peers_zone(
    node: Node, zone: Annotated[str, typer.Argument(help="What fails together; '' where it fails alone.")]
) -> None:
    """Say what a node fails together with: a chunk's replicas are in distinct zones where that can be."""
    _change(node, {"zone": zone})


def peers_drain(node: Node) -> None:
    """Have the others take over what a node holds, so that it can be removed."""
    _change(node, {"draining": True})


def peers_undrain(node: Node) -> None:
    """Let a node hold chunks again."""
    _change(node, {"draining": False})


def peers_remove(
    node: Node,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Also where it may hold the only replicas: its disk is lost.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Remove a drained node from the vault for good. Its id never comes back."""

    async def act(vault: "Client") -> None:
        would = await vault.members.remove(node, force=force, dry_run=True)
        name = f"{would.node.name or '-'} ({would.node.node_id[:_ID_SHOWN]})"
        if dry_run:
            emit(would, lambda: f"would remove the node {name}")
            return
        confirm(f"Remove the node {name} from the vault for good?", yes)
        removal = await vault.members.remove(would.node.node_id, force=force)
        emit(removal, lambda: f"removed {name}; new chunks are sealed in epoch {removal.sealing_epoch}")
        remark(removal.revoke)

    connect(act)


def layout_show(
    slots: Annotated[bool, typer.Option("--slots", help="Tell every slot's holders too (with --json).")] = False,
) -> None:
    """Tell which node holds how many slots of chunks, and who still fetches what."""

    async def act(vault: "Client") -> None:
        layout = await vault.members.layout(slots=slots)
        emit(layout, lambda: _layout_text(layout))

    connect(act)


def layout_plan(replicas: Replicas = None, write_quorum: Quorum = None) -> None:
    """Tell what the next layout would be and what it would move. Nothing changes."""

    async def act(vault: "Client") -> None:
        plan = await vault.members.plan_layout(_wish(replicas, write_quorum))
        emit(plan, lambda: _plan_text(plan))

    connect(act)


def layout_apply(
    replicas: Replicas = None, write_quorum: Quorum = None, dry_run: DryRun = False, yes: Yes = False
) -> None:
    """Put the next layout in force: chunks move, and old holders serve until the new ones have everything."""
    wish = _wish(replicas, write_quorum)

    async def act(vault: "Client") -> None:
        plan = await vault.members.plan_layout(wish)
        if dry_run:
            emit(plan, lambda: _plan_text(plan))
            return
        if not plan.changed:
            remark("the layout is as it should be; nothing was done")
            layout = await vault.members.layout()
        else:
            confirm(f"Change the layout? {plan.slots_moved} slots move, about {size(plan.bytes_moved)}.", yes)
            layout = await vault.members.apply_layout(plan.plan_id, wish)
        emit(layout, lambda: _layout_text(layout))

    connect(act)


def _change(node: str, settings: dict[str, object]) -> None:
    async def act(vault: "Client") -> None:
        peer = await vault.members.change(node, settings)
        emit(peer, lambda: _told(peer))

    connect(act)


def _wish(replicas: int | None, write_quorum: int | None) -> dict[str, object]:
    asked = {"replicas": replicas, "write_quorum": write_quorum}
    return {name: value for name, value in asked.items() if value is not None}


def _state(peer: "PeerDocument") -> str:
    return f"{peer.state}, {'drained' if peer.drained else 'draining'}" if peer.draining else peer.state


def _rate(bytes_s: int) -> str:
    return f"{size(bytes_s)}/s" if bytes_s else "-"


def _told(peer: "PeerDocument") -> str:
    link = peer.link
    seen = (
        [
            ("reachable", "yes" if link.reachable else "no"),
            ("link", f"{link.latency_ms:g} ms, {_rate(link.bandwidth_bytes_s)}, score {link.score:g}"),
            ("failed calls", f"{link.error_rate:.1%}"),
            ("reputation", f"{link.reputation:g} ({link.corruptions} corrupt chunks)"),
            ("heartbeat", f"{link.silence_ms / 1000:g} s ago"),
        ]
        if link
        else []
    )
    return fields(
        [
            ("name", peer.name),
            ("id", peer.node_id),
            ("state", _state(peer)),
            ("zone", peer.zone or "-"),
            ("weight", str(peer.weight)),
            ("slots", str(peer.slots)),
            ("version", peer.version or "-"),
            ("addresses", ", ".join(peer.addresses) or "-"),
            ("for peers", ", ".join(peer.peer_addresses) or "-"),
            *seen,
        ]
    )


def _layout_text(layout: "LayoutDocument") -> str:
    if layout.version == 0:
        return "no layout: this node holds everything"
    head = f"layout {layout.version}: {layout.replicas} replicas, writes need {layout.write_quorum}\n"
    newest = layout.steps[-1]
    rows = [
        (holder.node_id, holder.slots, "yes" if holder.node_id in newest.reached else "no") for holder in layout.holders
    ]
    before = [str(step.version) for step in layout.steps[:-1]]
    tail = f"still serving: layout {', '.join(before)}\n" if before else ""
    return head + table(("node", "slots", "complete"), rows) + "\n" + tail


def _plan_text(plan: "LayoutPlanDocument") -> str:
    if not plan.changed:
        return f"layout {plan.base_version} is as it should be"
    head = (
        f"over layout {plan.base_version}: {plan.replicas} replicas, writes need {plan.write_quorum}; "
        f"{plan.slots_moved} slots move, about {size(plan.bytes_moved)}\n"
    )
    rows = [(at.node_id, at.slots_before, at.slots_after, at.slots_gained, at.slots_lost) for at in plan.shifts]
    return head + table(("node", "before", "after", "gains", "loses"), rows)
