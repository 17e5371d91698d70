"""Many nodes: init, token, tokens, revoke."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli.app import App
from govault.cli.filters import parse_duration_s
from govault.cli.flags import Set, flags_of
from govault.cli.options import options
from govault.cli.output import emit, emit_list, when_ms
from govault.cli.session import connect

if TYPE_CHECKING:
    from govault.client import Client


def register(app: App) -> None:
    """Put the verbs on the app."""
    cluster = App(help="A vault of many nodes: the first one, and how others join.")
    cluster.verb("init")(init)
    cluster.verb("token")(token)
    cluster.verb("tokens")(tokens)
    cluster.verb("revoke")(revoke)
    app.add_typer(cluster, name="cluster")


def init(sets: Set = None) -> None:
    """Prepare the data folder and the topics of a vault's first node on Apache Kafka. May be repeated."""
    from govault.config import load
    from govault.node.joining import prepare_first

    loaded = load(options().config, flags=flags_of(sets, options().data))
    vault = prepare_first(loaded)
    emit(
        {"vault_id": vault.vault_id, "data": str(loaded.configuration.server.storage_root)},
        lambda: (
            f"The vault {vault.vault_id} is prepared in {loaded.configuration.server.storage_root}.\n"
            "Next:\n"
            "  govault start                        on this node\n"
            "  govault cluster token                prints a join token, once this node runs\n"
            "  govault start --join gvj1.…          on each other node, with a token of its own"
        ),
    )


def token(
    expires: Annotated[str, typer.Option("--expires", help="How long it opens the vault: 15m, 1h, 7d.")] = "1h",
    name: Annotated[str, typer.Option("--name", help="The node's name, if it brings none.")] = "",
    zone: Annotated[str, typer.Option("--zone", help="The node's zone, if it brings none.")] = "",
    weight: Annotated[int, typer.Option("--weight", help="Its share of chunks, if it brings none.", min=0)] = 1,
) -> None:
    """Print a join token: one more node may join with it, once, until it expires."""
    expires_s = parse_duration_s(expires, "--expires") or 0

    async def act(vault: "Client") -> None:
        made = await vault.admin.new_join_token(expires_s=expires_s, name=name, zone=zone, weight=weight)
        emit(made, lambda: made.token)

    connect(act)


def tokens() -> None:
    """List the join tokens, by their hashes, the newest first."""

    async def act(vault: "Client") -> None:
        await emit_list(vault.admin.join_tokens(), _line)

    connect(act)


def revoke(
    token_hash: Annotated[str, typer.Argument(metavar="HASH", help="The token's hash, or the beginning of it.")],
) -> None:
    """Withdraw a join token: nobody joins with it any more."""

    async def act(vault: "Client") -> None:
        await vault.admin.revoke_join_token(token_hash)

    connect(act)


def _line(token: Any) -> str:
    by = f"  by {token.spent_by[:12]}" if token.spent_by else ""
    wish = "  ".join(f"{key} {value}" for key, value in (("name", token.name), ("zone", token.zone)) if value)
    return f"{token.hash[:16]}  {token.state:<8}  until {when_ms(token.expires_ms)}{by}  {wish}".rstrip()
