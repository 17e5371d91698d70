"""What the access log keeps of a path: neither secrets nor logins, and everything else as it came."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from api.middleware.access import AccessEntry, loggable_path
from api.middleware.edge import Edge
from api.middleware.metrics import HttpMetrics
from api.types import Message, respond

HIDDEN = [
    ("/s/Zm9vYmFy", "/s/-"),
    ("/s/Zm9vYmFy/folder/a%20file.txt", "/s/-/folder/a%20file.txt"),
    ("//s//Zm9vYmFy", "//s//-"),
    ("/%73/Zm9vYmFy", "/%73/-"),
    ("/content/eyJh.eyJz.c2ln", "/content/-"),
    ("/Content/eyJh.eyJz.c2ln/more", "/Content/-/more"),
    ("/%63ontent/eyJh", "/%63ontent/-"),
    ("/people/ada@example.org", "/people/-"),
    ("/accounts/ada/password", "/accounts/-/password"),
    ("/groups/editors/members/ada", "/groups/-/members/-"),
    ("/groups/g_01/members/ada", "/groups/g_01/members/-"),
    ("/spaces/main/access/ada", "/spaces/main/access/-"),
    ("/files/f_01/access/ada", "/files/f_01/access/-"),
]
KEPT = [
    "/",
    "",
    "*",
    "/s",
    "/content",
    "/spaces/main/files/content/plan",
    "/files/f_01/tokens",
    "/accounts/a_01/tokens/t_01",
    "/groups/g_01/members/a_01",
    "/spaces/main/files/s/people/ada",
    "/spaces/main/files/access/ada",
    "/spaces/main/access",
    "/spaces/main/access/public",
    "/files/f_01/access/explain",
    "/files/f_01/access/g_01",
]


@pytest.mark.parametrize(("came", "logged"), HIDDEN)
def test_tokens_of_links_and_logins_are_not_logged(came: str, logged: str) -> None:
    assert loggable_path(came) == logged


@pytest.mark.parametrize("came", KEPT)
def test_other_paths_are_logged_as_they_came(came: str) -> None:
    assert loggable_path(came) == came


async def test_a_request_that_no_route_takes_is_logged_without_its_token_too() -> None:
    entries: list[AccessEntry] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, 404, [], b"")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        pass

    edge = Edge(app, HttpMetrics(CollectorRegistry()), entries.append, lambda: "r1")
    await edge({"type": "http", "method": "GET", "raw_path": b"/s/Zm9v/x", "headers": []}, receive, send)
    assert [(entry.path, entry.status) for entry in entries] == [("/s/-/x", 404)]
