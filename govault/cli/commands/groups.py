"""Groups of accounts: ls, show, create, change, rm, add, remove."""

from typing import TYPE_CHECKING, Annotated

import typer

from govault.cli.app import App
from govault.cli.confirm import confirm
from govault.cli.output import emit, emit_list, fields
from govault.cli.session import connect

if TYPE_CHECKING:
    from govault.client import Client

Group = Annotated[str, typer.Argument(metavar="GROUP", help="Name or group id.")]
User = Annotated[str, typer.Argument(metavar="USER", help="Login or account id.")]


def register(app: App) -> None:
    """Put the verbs on the app."""
    group = App(help="Groups of accounts.")
    group.verb("ls")(ls)
    group.verb("show")(show)
    group.verb("create")(create)
    group.verb("change")(change)
    group.verb("rm")(rm)
    group.verb("add")(add)
    group.verb("remove")(remove)
    app.add_typer(group, name="group")


def ls() -> None:
    """List the groups that you are in; administrators see all."""

    async def act(vault: "Client") -> None:
        await emit_list(
            vault.accounts.groups(), lambda group: f"{group.id}  {group.name}  {group.description}".rstrip()
        )

    connect(act)


def show(group: Group) -> None:
    """Tell of a group and who is in it."""

    async def act(vault: "Client") -> None:
        found = await vault.accounts.group(group)
        members = [member async for member in vault.accounts.members(group)]
        named = [f"{one.login or one.account}{' (manager)' if one.manager else ''}" for one in members]
        document = {**found.model_dump(mode="json"), "members": [one.model_dump(mode="json") for one in members]}
        emit(
            document,
            lambda: fields(
                [
                    ("id", found.id),
                    ("name", found.name),
                    ("description", found.description),
                    ("members", ", ".join(named)),
                ]
            ),
        )

    connect(act)


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower case, digits, dots, dashes.")],
    description: Annotated[str, typer.Option("--description", "-d", help="What it is for.")] = "",
) -> None:
    """Make a group."""

    async def act(vault: "Client") -> None:
        made = await vault.accounts.create_group(name, description)
        emit(made, lambda: f"{made.id}  {made.name}")

    connect(act)


def change(
    group: Group,
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    description: Annotated[str | None, typer.Option("--description", "-d", help="Another description.")] = None,
) -> None:
    """Rename or describe a group; its managers may."""

    async def act(vault: "Client") -> None:
        wish = {"name": name, "description": description}
        changed = await vault.accounts.change_group(group, {key: value for key, value in wish.items() if value})
        emit(changed, lambda: f"{changed.id}  {changed.name}")

    connect(act)


def rm(group: Group, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Remove a group: it counts no more, wherever it was granted something."""
    confirm(f"Remove the group {group}?", yes)

    async def act(vault: "Client") -> None:
        await vault.accounts.remove_group(group)

    connect(act)


def add(
    group: Group,
    user: User,
    manager: Annotated[bool, typer.Option("--manager", help="It may take others in and let them go.")] = False,
) -> None:
    """Take an account into a group, or change whether it manages it."""

    async def act(vault: "Client") -> None:
        await vault.accounts.put_member(group, user, manager=manager)

    connect(act)


def remove(group: Group, user: User) -> None:
    """Let an account go from a group; everybody may leave."""

    async def act(vault: "Client") -> None:
        await vault.accounts.remove_member(group, user)

    connect(act)
