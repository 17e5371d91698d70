"""One session with one node: everything the REST interface can do, by noun."""

from types import TracebackType
from typing import Self

from govault.client.access import Access
from govault.client.accounts import Accounts
from govault.client.admin import Admin
from govault.client.files import Files
from govault.client.members import Members
from govault.client.repair import Repair
from govault.client.shares import Shares
from govault.client.spaces import Spaces, Trash
from govault.client.transport import TokenSource, Transport


class Client:
    """``async with Client(url, token) as vault``. Safe for many tasks at once; connections are bounded and reused.

    Attributes:
        files: Files and folders; ``access`` who may do what with them; ``shares`` links to them.
        accounts: Accounts, groups, sessions, API tokens and invites.
        members: The nodes of the vault and who of them holds what.
        spaces: Spaces; ``trash`` what was removed; ``repair`` the node's replicas; ``admin`` the rest of its upkeep.
    """

    def __init__(
        self, url: str, token: str | TokenSource | None, *, ca_file: str | None = None, connections: int = 64
    ) -> None:
        self.transport = Transport(url, token, connections=connections, ca_file=ca_file)
        self.files = Files(self.transport)
        self.access = Access(self.transport, self.files)
        self.shares = Shares(self.transport, self.files)
        self.spaces = Spaces(self.transport)
        self.trash = Trash(self.transport)
        self.admin = Admin(self.transport)
        self.accounts = Accounts(self.transport)
        self.members = Members(self.transport)
        self.repair = Repair(self.transport)

    async def __aenter__(self) -> Self:
        await self.transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.transport.__aexit__(kind, error, trace)
