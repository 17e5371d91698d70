"""What an account owns, given to another: user hand-over."""

from typing import TYPE_CHECKING, Annotated

import typer

from govault.cli.output import emit, remark
from govault.cli.session import connect

if TYPE_CHECKING:
    from govault.client import Client

User = Annotated[str, typer.Argument(metavar="USER", help="Login or account id; the id of an erased one.")]
Heir = Annotated[str, typer.Option("--to", metavar="USER", help="Who gets it: login or account id.")]


def user_hand_over(user: User, to: Heir) -> None:
    """Give all files and folders that an account owns, and its roles at spaces, to another account."""

    async def act(vault: "Client") -> None:
        entities = spaces = 0
        more = True
        while more:
            given = await vault.accounts.hand_over(user, to)
            entities, spaces, more = entities + given.entities, spaces + given.spaces, given.more
            if more:
                remark(f"{entities} files and folders so far")
        emit(
            {"entities": entities, "spaces": spaces},
            lambda: f"{to} owns {entities} files and folders more, and has the role of {user} at {spaces} spaces",
        )

    connect(act)
