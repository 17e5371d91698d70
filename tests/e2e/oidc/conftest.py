"""A real identity provider, vaults that trust it, and a browser's steps from one to the other."""

import html
import json
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.e2e.node_process import NodeProcess
from tests.e2e.oidc.environment import python_of_provider

PASSWORD = "correct horse battery"
SECRET = "what-the-vault-and-the-provider-know"
CONFIDENTIAL, PUBLIC = "vault", "vault-public"
_STEPS_MAX = 12
_FIELD = re.compile(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"')
_FORM = re.compile(r'<form[^>]*action="([^"]*)"')


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Browser:
    """A browser's steps: pages, redirects, forms, cookies."""

    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20))

    def log_in_at_provider(self, address: str, login: str, *, consent: str = "accept") -> str:
        """From the provider's address through its forms to where it sends the browser back to."""
        answer = self.client.get(address)
        for _ in range(_STEPS_MAX):
            if answer.is_redirect:
                onward = urljoin(str(answer.request.url), answer.headers["location"])
                if httpx.URL(onward).path == "/auth/oidc/callback":
                    return onward
                answer = self.client.get(onward)
            else:
                assert answer.status_code == 200, answer.text
                answer = self._submit(answer, login, consent)
        raise AssertionError(f"the provider does not come to an end: {answer.url}")

    def begin(self, vault: str, **query: str) -> str:
        """Where the vault sends a browser."""
        answer = self.client.get(f"{vault}/auth/oidc/start", params=query)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def log_in(self, vault: str, login: str) -> httpx.Response:
        """All the way; what the vault answers at last."""
        return self.client.get(self.log_in_at_provider(self.begin(vault), login))

    def who(self, vault: str) -> dict[str, object]:
        """As whom this browser is known."""
        answer = self.client.get(f"{vault}/me")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def _submit(self, page: httpx.Response, login: str, consent: str) -> httpx.Response:
        hidden = {name: html.unescape(value) for name, value in _FIELD.findall(page.text)}
        form = {"csrf_token": hidden["csrf_token"]}
        if 'name="password"' in page.text:
            form["password"] = PASSWORD
        elif 'name="login"' in page.text:
            form["login"] = login
        else:
            form["answer"] = consent
        action = _FORM.search(page.text)
        onward = html.unescape(action[1]) if action else ""
        return self.client.post(urljoin(str(page.url), onward), data=form)


@dataclass
class Vaults:
    """Starts nodes that trust the provider."""

    issuer: str
    folder: Path
    ports: list[int]
    nodes: list[NodeProcess] = field(default_factory=list)

    def start(self, **oidc: str) -> NodeProcess:
        """A node at the next of the addresses that the provider knows."""
        root = self.folder / f"node{len(self.nodes)}"
        port = self.ports[len(self.nodes)]
        given = {"issuer": self.issuer, "client_id": PUBLIC, "public_url": f"http://127.0.0.1:{port}", **oidc}
        settings = {f"GOVAULT_ACCOUNTS__OIDC__{name.upper()}": value for name, value in given.items()}
        node = NodeProcess(root, {"GOVAULT_SERVER__LISTEN_ADDR": f"127.0.0.1:{port}", **settings})
        self.nodes.append(node)
        node.start()
        return node


@pytest.fixture(scope="module")
def vaults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vaults]:
    """A provider with people, and nodes that have begun to trust it."""
    ports = [free_port() for _ in range(2)]
    back = [f"http://127.0.0.1:{port}/auth/oidc/callback" for port in ports]
    client = {
        "client_uri": "https://vault.example",
        "redirect_uris": back,
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "id_token_signed_response_alg": "RS256",
        "scope": ["openid", "profile", "email"],
    }
    known = {
        "people": [_person("ada", "Ada Lovelace"), _person("bob", "Bob Cratchit"), _person("eve", "Eve Moneypenny")],
        "clients": [
            {**client, "client_id": CONFIDENTIAL, "client_name": "GoVault", "client_secret": SECRET,
             "token_endpoint_auth_method": "client_secret_basic"},
            {**client, "client_id": PUBLIC, "client_name": "GoVault", "token_endpoint_auth_method": "none"},
        ],
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("oidc")
    with (folder / "provider.log").open("wb") as log:
        provider = subprocess.Popen(
            [python_of_provider(), Path(__file__).parent / "provider.py"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=folder,
        )  # fmt: skip
    assert provider.stdin is not None
    assert provider.stdout is not None
    provider.stdin.write(json.dumps(known).encode())
    provider.stdin.close()
    issuer = provider.stdout.readline().decode().strip()
    opened = Vaults(issuer, folder, ports)
    try:
        assert issuer, (folder / "provider.log").read_text()[-4000:]
        yield opened
    finally:
        for node in opened.nodes:
            node.kill()
        provider.kill()
        provider.wait(timeout=10)
        provider.stdout.close()


@pytest.fixture
def new_browser() -> Iterator[Callable[[], Browser]]:
    """Browsers without cookies."""
    opened: list[Browser] = []

    def make() -> Browser:
        opened.append(Browser())
        return opened[-1]

    yield make
    for browser in opened:
        browser.client.close()


def _person(login: str, name: str) -> dict[str, object]:
    family = name.rpartition(" ")[2]
    return {
        "user_name": login, "display_name": login, "formatted_name": name, "family_name": family,
        "emails": [f"{login}@example.org"], "password": PASSWORD,
    }  # fmt: skip
