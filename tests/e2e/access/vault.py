"""A vault on a real node, and everybody who may come to its door: who he is, and what he comes with."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govault.auth.access_tokens import AUDIENCE
from govault.auth.token_signing import ALGORITHM
from govault.storage.keyring import Keyring
from tests.access.rows import Row, Spends, request_of
from tests.access.table import EXPECTED
from tests.e2e.access.names import OTHER_PASSWORD, PASSWORD, Names
from tests.e2e.node_process import NodeProcess

NO_LIMITS = {f"GOVAULT_LIMITS__REQUESTS_PER_MINUTE__{of}": "0" for of in ("ACCOUNT", "ADDRESS", "SHARE_LINK")}
ACCOUNTS = ("stranger", "reader", "member", "writer", "owner", "manager", "admin")
_WAIT_S = 30.0


@dataclass(frozen=True)
class Copy:
    """A space with the file ``docs/plan``, and with the grants at it that make people readers, writers and so on."""

    space: str
    file_id: str
    folder_id: str


@dataclass
class Person:
    """Somebody with an account."""

    account_id: str
    login: str
    token: str
    password: str = PASSWORD


class Matrix:
    """Asks as anybody."""

    def __init__(self, node: NodeProcess, closing: ExitStack) -> None:
        self.node = node
        self._closing = closing
        self._clients: dict[str, httpx.Client] = {}
        self._names = Names(self)
        self.people: dict[str, Person] = {}
        for who in ACCOUNTS:
            # The first start has made an ``admin`` already.
            login = "the-" + who
            account_id = self.make_account(login, roles=["admin"] if who == "admin" else [])
            self.people[who] = Person(account_id, login, self.log_in(login)["access_token"])
        self.spare_id = self.make_account("spare")
        self.make_account("lodger")
        self.group_id = str(self.operator("POST", "/groups", {"name": "team"})["id"])
        for login in ("the-member", "spare"):
            self.operator("PUT", f"/groups/team/members/{login}", {"manager": False})
        self.main = self.copy()
        self.links = {
            "link": self._link(self.main.file_id, mode="read"),
            "folder_link": self._link(self.main.folder_id, mode="read"),
            "upload_link": self._link(self.main.folder_id, mode="upload"),
            "file_token": self._file_token(self.main.file_id),
        }
        self.void = self._void_credentials()

    # --- asking ----------------------------------------------------------------------------------------------

    def ask(self, credential: str | None, asked: dict[str, Any], who: str = "") -> httpx.Response:
        """An answer. Everybody comes from an address of his own: nobody is slowed down for what others tried."""
        headers = {} if credential is None else {"authorization": f"Bearer {credential}"}
        return self._client(who).request(**asked, headers=headers)

    def _client(self, who: str) -> httpx.Client:
        if who not in self._clients:
            transport = httpx.HTTPTransport(local_address=f"127.0.0.{len(self._clients) + 1}")
            made = httpx.Client(base_url=self.node.url, transport=transport, timeout=60)
            self._clients[who] = self._closing.enter_context(made)
        return self._clients[who]

    def operator(self, method: str, path: str, json: object = None) -> Any:
        """The JSON that the operator is answered, who has to succeed."""
        answer = self.ask(self.node.token, {"method": method, "url": path, "json": json})
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def told(self, who: str, route: str, copy: Copy | None = None) -> int:
        """The status that one of ``WHO`` is answered with. What he spent he has again afterwards."""
        row, person = EXPECTED[route], self.people.get(who)
        named = self._names.of(copy or self.main, person, {})
        answer = self.ask(None if person is None else person.token, request_of(route, row, named), who)
        if person is not None and row.spends is Spends.SESSION:
            if answer.is_success and answer.request.url.path == "/me/password":
                person.password = OTHER_PASSWORD if person.password == PASSWORD else PASSWORD
            person.token = self.log_in(person.login, person.password)["access_token"]
        if answer.status_code == 202:
            self.wait_job(answer.json()["id"])
        return answer.status_code

    def told_by_head(self, who: str, route: str) -> int:
        """The same of HEAD, where a route is one of GET."""
        person = self.people.get(who)
        asked = request_of(route, EXPECTED[route], self._names.of(self.main, person, {}))
        return self.ask(None if person is None else person.token, {**asked, "method": "HEAD"}, who).status_code

    def told_to_void(self, kind: str, route: str) -> int:
        """The status of a request with a credential that counts no more, or elsewhere."""
        named = self._names.of(self.main, None, {})
        return self.ask(self.void[kind], request_of(route, EXPECTED[route], named), kind).status_code

    def told_to_link(self, route: str) -> int:
        """The status of a request of who has share links and a file token, and nothing else."""
        named = self._names.of(self.main, None, self.links)
        return self.ask(None, request_of(route, EXPECTED[route], named), "share link").status_code

    def log_in(self, login: str, password: str = PASSWORD) -> dict[str, Any]:
        """A session's tokens."""
        asked = {"method": "POST", "url": "/auth/login", "json": {"login": login, "password": password}}
        answer = self.ask(None, asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait_job(self, job_id: str) -> None:
        """Return when a job has ended, so that the next may begin."""
        deadline_s = time.monotonic() + _WAIT_S
        while self.operator("GET", f"/admin/jobs/{job_id}")["state"] == "running":
            assert time.monotonic() < deadline_s, job_id
            time.sleep(0.02)

    # --- what there is ---------------------------------------------------------------------------------------

    def make_account(self, login: str, **more: object) -> str:
        """The id of a fresh account."""
        return str(self.operator("POST", "/accounts", {"login": login, "password": PASSWORD, **more})["id"])

    def copy(self, row: Row | None = None) -> Copy:
        """A fresh one, as a row wants it."""
        space = self._names.new()
        self.operator("POST", "/spaces", {"name": space})
        folder_id = self.operator("PUT", f"/spaces/{space}/folders/docs")["id"]
        for content in (b"draft", b"secret"):
            asked = {"method": "PUT", "url": f"/spaces/{space}/files/docs/plan", "content": content}
            stored = self.ask(self.node.token, asked)
            assert stored.is_success, stored.text
        file_id, people = stored.json()["id"], self.people
        self.operator("PUT", f"/files/{folder_id}/access/{people['reader'].account_id}", {"level": "read"})
        self.operator("PUT", f"/files/{folder_id}/access/{self.group_id}", {"level": "read"})
        self.operator("PUT", f"/files/{file_id}/access/{people['writer'].account_id}", {"level": "write"})
        self.operator("PUT", f"/files/{file_id}/owner", {"owner": people["owner"].account_id})
        self.operator("PUT", f"/spaces/{space}/access/{people['manager'].account_id}", {"level": "manager"})
        if row is not None and row.trashed:
            self.operator("DELETE", f"/files/{file_id}")
        return Copy(space, file_id, folder_id)

    def _link(self, target_id: str, mode: str) -> str:
        return str(self.operator("POST", f"/files/{target_id}/shares", {"mode": mode})["token"])

    def _file_token(self, file_id: str) -> str:
        return str(self.operator("POST", f"/files/{file_id}/tokens", {"methods": ["GET", "HEAD", "PUT"]})["token"])

    def _void_credentials(self) -> dict[str, str]:
        """One of each kind that was good once, or is good for something else; of administrators, where it was one's."""
        for login in ("expired", "logged-out", "refreshing", "disabled", "erased", "revoked"):
            self.make_account(login, roles=["admin"])
        api_token = {"name": "t", "scopes": ["admin"]}
        access = {login: str(self.log_in(login)["access_token"]) for login in ("logged-out", "disabled", "erased")}
        revoked = self.operator("POST", "/accounts/revoked/tokens", api_token)
        void = {
            "expired access token": self._expired(self.log_in("expired")["access_token"]),
            "expired API token": self.operator("POST", "/accounts/revoked/tokens", {**api_token, "expires_s": 1})[
                "token"
            ],
            "revoked API token": revoked["token"],
            "access token of an ended session": access["logged-out"],
            "disabled account": access["disabled"],
            "API token of a disabled account": self.operator("POST", "/accounts/disabled/tokens", api_token)["token"],
            "erased account": access["erased"],
            "API token of an erased account": self.operator("POST", "/accounts/erased/tokens", api_token)["token"],
            "refresh token": self.log_in("refreshing")["refresh_token"],
            "invite": self.operator("POST", "/invites", {})["invite"],
            "share link used elsewhere": self.links["link"],
            "file token used elsewhere": self.links["file_token"],
        }
        good = ("revoked API token", "access token of an ended session", "disabled account", "erased account")
        assert {kind: self._me(void[kind]) for kind in good} == dict.fromkeys(good, 200)
        self.operator("DELETE", f"/accounts/revoked/tokens/{revoked['id']}")
        assert self.ask(access["logged-out"], {"method": "POST", "url": "/auth/logout"}).status_code == 204
        self.operator("PATCH", "/accounts/disabled", {"disabled": True})
        self.operator("DELETE", "/accounts/erased")
        deadline_s = time.monotonic() + _WAIT_S
        while self._me(void["expired API token"]) == 200:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        return void

    def _expired(self, token: str) -> str:
        """The same token, as the vault itself had signed it two hours ago."""
        derive = Keyring.open(self.node.root / "keys").derive
        kid = jwt.get_unverified_header(token)["kid"]
        key = Ed25519PrivateKey.from_private_bytes(derive(f"access tokens {kid}"))
        claims = jwt.decode(token, key.public_key(), algorithms=[ALGORITHM], audience=AUDIENCE)

        def signed(earlier_s: int) -> str:
            times = {name: claims[name] - earlier_s for name in ("iat", "exp")}
            return jwt.encode({**claims, **times}, key, algorithm=ALGORITHM, headers={"kid": kid})

        # That it is refused for its age alone shows in one that is a second older than the vault's own.
        assert self._me(signed(1)) == 200
        return signed(7200)

    def _me(self, credential: str) -> int:
        return self.ask(credential, {"method": "GET", "url": "/me"}).status_code


@contextmanager
def open_matrix(folder: Path) -> Iterator[Matrix]:
    """A node that counts nobody's requests, and its people."""
    node = NodeProcess(folder / "data", dict(NO_LIMITS))
    with ExitStack() as closing:
        closing.callback(node.stop)
        node.start()
        yield Matrix(node, closing)
