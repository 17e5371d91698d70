"""What one node was told of who may no more: another that has read so far refuses, and one that lags lets nobody in."""

import json
from functools import partial
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.local.node_process import NodeProcess
from govault.limits import ACCOUNTS_LAG_S_MAX
from tests.e2e.cluster.test_people import PASSWORD, ask, knows, log_in
from tests.e2e.cluster.vault import Vault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def changed_at(vault: Vault, node: NodeProcess, method: str, path: str, document: object = None) -> str:
    """The position of a change that the operator makes through a node."""
    where = urlsplit(node.url)
    connection = HTTPConnection(where.hostname or "", where.port or 0, timeout=60)
    headers = {"authorization": f"Bearer {vault.token_of_all}", "content-type": "application/json"}
    try:
        connection.request(method, path, None if document is None else json.dumps(document), headers)
        answer = connection.getresponse()
        told = answer.read()
        assert answer.status in (200, 204), told[:300]
        return answer.headers["GoVault-Position"]
    finally:
        connection.close()


def wait_read(vault: Vault, node: NodeProcess, position: str) -> None:
    """Return when a node has read as far as a position: asked for at least that, it answers when it has."""
    where = urlsplit(node.url)
    connection = HTTPConnection(where.hostname or "", where.port or 0, timeout=60)
    headers = {"authorization": f"Bearer {vault.token_of_all}", "govault-at-least": position}
    try:
        connection.request("GET", "/me", headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()[:300]
    finally:
        connection.close()


def refuses(node: NodeProcess, token: str) -> bool:
    """Whether a node lets nobody in, since it does not know whom the vault lets in."""
    status, told = ask(node, "GET", "/me", token=token)
    return status == 503 and told["code"] == "views-lagging.accounts"


def person(vault: Vault, login: str) -> tuple[dict[str, Any], str]:
    """A fresh account and an access token of it, which every node takes."""
    status, made = ask(vault.nodes[0], "POST", "/accounts", {"login": login, "password": PASSWORD}, vault.token_of_all)
    assert status == 201, made
    token = log_in(vault.nodes[0], login)[1]["access_token"]
    for node in vault.nodes:
        vault.wait("the session is known", partial(knows, node, token))
    return made, token


def test_a_node_that_has_read_a_revocation_refuses_at_the_first_request(vault: Vault) -> None:
    one, *others = vault.nodes
    wendy, token = person(vault, "wendy")
    assert vault.put(one, "revoked/plan", b"plan") == 201
    path = "/spaces/main/files/revoked/plan"
    file_id = ask(one, "GET", f"{path}?metadata=true", token=vault.token_of_all)[1]["id"]
    for turn in range(3):
        position = changed_at(vault, one, "PUT", f"/files/{file_id}/access/{wendy['id']}", {"level": "write"})
        for node in others:
            wait_read(vault, node, position)
            assert ask(node, "GET", path, token=token) == (200, b"plan"), turn
        position = changed_at(vault, one, "DELETE", f"/files/{file_id}/access/{wendy['id']}")
        for node in others:
            wait_read(vault, node, position)
            assert ask(node, "GET", path, token=token)[0] == 404, turn
            assert ask(node, "DELETE", path, token=token)[0] == 404, turn


def test_a_node_that_has_read_that_an_account_is_disabled_refuses_at_the_first_request(vault: Vault) -> None:
    one, *others = vault.nodes
    _, token = person(vault, "mallory")
    position = changed_at(vault, one, "PATCH", "/accounts/mallory", {"disabled": True})
    for node in others:
        wait_read(vault, node, position)
        assert ask(node, "GET", "/me", token=token)[0] == 401
        assert log_in(node, "mallory")[0] == 401


@pytest.mark.long
def test_a_door_that_hears_no_more_of_the_log_lets_nobody_in_but_the_operator(vault: Vault) -> None:
    _, token = person(vault, "trent")
    vault.kafka.kill()
    try:
        for node in vault.nodes:
            vault.wait("the door refuses", partial(refuses, node, token), ACCOUNTS_LAG_S_MAX + 60)
            assert vault.ask(node, "GET", "/me")[0] == 200
    finally:
        vault.kafka.start()
    for node in vault.nodes:
        vault.wait("the door is open again", partial(knows, node, token))
