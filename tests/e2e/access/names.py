"""What the names of the table stand for on a real node. What a request uses up is made anew for each."""

import itertools
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.e2e.access.vault import Copy, Matrix, Person

UNKNOWN = "unknown"
PASSWORD = "correct horse battery"
OTHER_PASSWORD = "staple battery horse"
API_TOKEN = {"name": "backup", "scopes": ["read"]}


class Names:
    """Of one vault."""

    def __init__(self, vault: "Matrix") -> None:
        self._vault = vault
        self._operator = vault.operator
        self._numbers = itertools.count(1)
        self.node = cache(lambda: self._operator("GET", "/peers")["peers"][0]["node_id"])
        self.job_id = cache(self._job)
        self._known: dict[str, Callable[[], object]] = {
            "account": lambda: "spare",
            "checkpoint": self._checkpoint,
            "event_id": lambda: UNKNOWN,
            "file_token": lambda: UNKNOWN,
            "folder_link": lambda: UNKNOWN,
            "group": lambda: "team",
            "invite": lambda: self._operator("POST", "/invites", {})["hash"],
            "job_id": self.job_id,
            "link": lambda: UNKNOWN,
            "login": lambda: "spare",
            "name": lambda: "collection",
            "new": self.new,
            "new_account": lambda: self._operator("POST", "/accounts", {"login": self.new(), "kind": "service"})["id"],
            "new_folder": lambda: str(vault.node.root.parent / self.new()),
            "new_group": lambda: self._operator("POST", "/groups", {"name": self.new()})["id"],
            "node": self.node,
            "owner": lambda: vault.people["owner"].account_id,
            "password_of_all": lambda: PASSWORD,
            "principal": lambda: vault.spare_id,
            "refresh_token": lambda: vault.log_in("lodger")["refresh_token"],
            "spare_token": lambda: self._operator("POST", "/accounts/spare/tokens", API_TOKEN)["id"],
            "token_hash": lambda: "0" * 64,
            "upload_link": lambda: UNKNOWN,
        }

    def of(self, copy: "Copy", person: "Person | None", links: dict[str, str]) -> Callable[[str], object]:
        """What stands for names when somebody asks about a copy. The secrets of addresses are known to who has them."""
        known: dict[str, Callable[[], object]] = {
            **self._known,
            **dict.fromkeys(("session", "own_token", "password", "new_password"), lambda: UNKNOWN),
            "space": lambda: copy.space,
            "ref": lambda: copy.file_id,
            "id": lambda: copy.file_id,
            "path": lambda: "docs/plan",
            "number": lambda: "1",
            "version": lambda: "1",
            "share": lambda: self._operator("POST", f"/files/{copy.file_id}/shares", {})["id"],
        }
        if person is not None:
            known |= {
                "session": lambda: self._vault.log_in(person.login, person.password)["session_id"],
                "own_token": lambda: self._operator("POST", f"/accounts/{person.login}/tokens", API_TOKEN)["id"],
                "password": lambda: person.password,
                "new_password": lambda: OTHER_PASSWORD if person.password == PASSWORD else PASSWORD,
            }
        return lambda name: links[name] if name in links else known[name]()

    def new(self) -> str:
        """A name that nothing has yet."""
        return f"new-{next(self._numbers)}"

    def _job(self) -> object:
        job_id = self._operator("POST", "/admin/gc?dry_run=true")["id"]
        self._vault.wait_job(job_id)
        return job_id

    def _checkpoint(self) -> dict[str, Any]:
        signed = self._operator("POST", "/admin/checkpoints")
        return {name: signed[name] for name in ("node_id", "digests", "signature", "public_key")}
