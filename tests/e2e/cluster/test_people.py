"""People of a vault of three nodes: what one node was told of them, every other goes by."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from deploy.local.node_process import NodeProcess
from tests.e2e.cluster.vault import Vault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery"


def ask(
    node: NodeProcess, method: str, path: str, document: object = None, token: str | None = None
) -> tuple[int, Any]:
    """Status and JSON of a request as somebody."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    body = None if document is None else json.dumps(document).encode()
    try:
        with urlopen(Request(node.url + path, body, headers, method=method), timeout=60) as answer:
            status, raw = answer.status, answer.read()
    except HTTPError as error:
        status, raw = error.code, error.read()
    try:
        return status, json.loads(raw)
    except ValueError:
        return status, raw


def knows(node: NodeProcess, token: str) -> bool:
    """Whether a node takes a token."""
    return ask(node, "GET", "/me", token=token)[0] == 200


def answers(node: NodeProcess, path: str, status: int) -> bool:
    """Whether a node answers somebody without a login so."""
    return ask(node, "GET", path)[0] == status


def log_in(node: NodeProcess, login: str) -> tuple[int, Any]:
    return ask(node, "POST", "/auth/login", {"login": login, "password": PASSWORD})


def test_a_login_at_one_node_counts_at_every_other_and_so_does_its_end(vault: Vault) -> None:
    one, two, three = vault.nodes
    operator = vault.token_of_all
    status, ada = ask(one, "POST", "/accounts", {"login": "ada", "password": PASSWORD}, operator)
    assert status == 201, ada
    vault.wait("another node knows the account", lambda: log_in(two, "ada")[0] == 200)
    status, session = log_in(two, "ada")
    assert status == 200, session
    token = session["access_token"]
    for node in vault.nodes:
        vault.wait("every node knows the session", partial(knows, node, token))
    # The next pair comes from a third node; the token that was spent there is spent everywhere.
    status, after = ask(three, "POST", "/auth/refresh", {"refresh_token": session["refresh_token"]})
    assert status == 200, after
    vault.wait(
        "a second use anywhere ends the session",
        lambda: ask(one, "POST", "/auth/refresh", {"refresh_token": session["refresh_token"]})[0] == 401,
    )
    for node in vault.nodes:
        vault.wait("the session has ended", lambda n=node: ask(n, "GET", "/me", token=token)[0] == 401)  # type: ignore[misc]
    token = log_in(one, "ada")[1]["access_token"]
    vault.wait("the new session counts", lambda: ask(three, "GET", "/me", token=token)[0] == 200)
    assert ask(two, "PATCH", "/accounts/ada", {"disabled": True}, operator)[0] == 200
    for node in vault.nodes:
        vault.wait("nobody comes in", lambda n=node: ask(n, "GET", "/me", token=token)[0] == 401)  # type: ignore[misc]
    assert ask(two, "PATCH", "/accounts/ada", {"disabled": False}, operator)[0] == 200


def test_a_grant_and_its_end_reach_every_node(vault: Vault) -> None:
    one, two, three = vault.nodes
    operator = vault.token_of_all
    status, bob = ask(one, "POST", "/accounts", {"login": "bob", "password": PASSWORD}, operator)
    assert status == 201, bob
    assert vault.put(one, "granted/plan", b"plan") == 201
    vault.wait_read(two, "granted/plan", b"plan")
    vault.wait("bob logs in", lambda: log_in(three, "bob")[0] == 200)
    token = log_in(three, "bob")[1]["access_token"]
    path = "/spaces/main/files/granted/plan"
    file_id = ask(two, "GET", f"{path}?metadata=true", token=operator)[1]["id"]
    assert ask(three, "GET", path, token=token)[0] == 404
    assert ask(two, "PUT", f"/files/{file_id}/access/{bob['id']}", {"level": "read"}, operator)[0] == 200
    for node in vault.nodes:
        vault.wait("bob reads", lambda n=node: ask(n, "GET", path, token=token) == (200, b"plan"))  # type: ignore[misc]
    assert ask(one, "DELETE", f"/files/{file_id}/access/{bob['id']}", token=operator)[0] == 200
    for node in vault.nodes:
        vault.wait("bob reads no more", lambda n=node: ask(n, "GET", path, token=token)[0] == 404)  # type: ignore[misc]


def test_a_link_for_three_uses_is_used_three_times_by_all_nodes_together(vault: Vault) -> None:
    operator = vault.token_of_all
    assert vault.put(vault.nodes[0], "shared/plan", b"plan") == 201
    path = "/spaces/main/files/shared/plan?metadata=true"
    file_id = ask(vault.nodes[0], "GET", path, token=operator)[1]["id"]
    status, link = ask(vault.nodes[0], "POST", f"/files/{file_id}/shares", {"uses": 3}, operator)
    assert status == 201, link
    known = f"/files/{file_id}/shares"
    for node in vault.nodes:
        vault.wait("the link is known", lambda n=node: len(ask(n, "GET", known, token=operator)[1]["items"]) == 1)  # type: ignore[misc]
    with ThreadPoolExecutor(9) as threads:
        codes = list(threads.map(lambda number: ask(vault.nodes[number % 3], "GET", link["url"])[0], range(9)))
    assert sorted(codes) == [200] * 3 + [404] * 6


def test_an_address_that_one_node_made_opens_at_every_other_and_ends_there_too(vault: Vault) -> None:
    one, two, three = vault.nodes
    operator = vault.token_of_all
    status, eve = ask(one, "POST", "/accounts", {"login": "eve", "password": PASSWORD}, operator)
    assert status == 201, eve
    assert vault.put(one, "addressed/plan", b"plan") == 201
    vault.wait_read(two, "addressed/plan", b"plan")
    file_id = ask(two, "GET", "/spaces/main/files/addressed/plan?metadata=true", token=operator)[1]["id"]
    assert ask(two, "PUT", f"/files/{file_id}/access/{eve['id']}", {"level": "read"}, operator)[0] == 200
    vault.wait("eve logs in", lambda: log_in(three, "eve")[0] == 200)
    token = log_in(three, "eve")[1]["access_token"]
    vault.wait("eve reads", lambda: ask(three, "GET", f"/files/{file_id}", token=token)[0] == 200)
    status, made = ask(three, "POST", f"/files/{file_id}/tokens", {}, token)
    assert status == 201, made
    for node in vault.nodes:
        vault.wait("the address opens", partial(answers, node, made["url"], 200))
    assert ask(one, "DELETE", "/accounts/eve/sessions", token=operator)[0] == 204
    for node in vault.nodes:
        vault.wait("the address has ended", partial(answers, node, made["url"], 404))
