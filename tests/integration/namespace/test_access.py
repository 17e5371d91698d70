"""What the doors let somebody do who is no administrator, route by route."""

import pytest
import structlog

from schemas.events.access import AccessRevoked
from tests.fakes.vault import Vault
from tests.integration.namespace.people import OWNER, WRITER, People, people_at
from tests.integration.namespace.test_access_of_writers import WRITES

READS = {
    "GET /spaces/{space}/files/{path}",
    "GET /files/{ref}",
    "GET /files/{ref}/metadata",
    "GET /files/{ref}/versions",
    "GET /files/{ref}/versions/{number}",
    "GET /files/{ref}/versions/{version}/content",
    "GET /files/{ref}/history",
}
"""Open to whoever may read the file."""
PUBLIC = {
    "GET /.well-known/jwks.json",
    "GET /health",
    "GET /livez",
    "GET /readyz",
    "GET /auth/oidc/callback",
    "GET /auth/oidc/start",
    "POST /auth/login",
    "POST /auth/oidc/redeem",
    "POST /auth/refresh",
    "POST /auth/register",
    # Whoever has a link's secret: tests/integration/namespace/test_shares.py.
    "GET /s/{token}",
    "GET /s/{token}/{path}",
    "PUT /s/{token}/{path}",
    # Whoever has a file token: tests/integration/accounts/test_file_tokens.py.
    "GET /content/{token}",
    "PUT /content/{token}",
}
LISTS = {
    "GET /files": 200,
    "GET /spaces": 200,
    "GET /spaces/{space}": 404,
    "GET /spaces/{space}/folders/{path}": 404,
    "GET /trash": 200,
}
"""Open to all accounts, each of which sees its own: see ``test_access_of_lists``. What a stranger is told."""
OWN = {
    "GET /audit",
    "GET /people/{login}",
    "POST /spaces",
    "DELETE /groups/{group}/members/{account}",
    "DELETE /me/sessions",
    "DELETE /me/sessions/{session}",
    "DELETE /me/tokens/{token}",
    "GET /groups",
    "GET /groups/{group}",
    "GET /groups/{group}/members",
    "GET /me",
    "GET /shares",
    "GET /me/sessions",
    "GET /me/tokens",
    "PATCH /groups/{group}",
    "PATCH /me",
    "POST /auth/logout",
    "POST /me/password",
    "POST /me/tokens",
    "PUT /groups/{group}/members/{account}",
}
"""About whoever asks, or his from there on; what each does is tested with accounts and spaces."""
SHARES = {
    "DELETE /files/{ref}/shares/{share}": 404,
    "GET /files/{ref}/shares": 200,
    "POST /files/{ref}/shares": 201,
}
"""For who owns it or manages its space, and what he gets."""
READERS = {"POST /files/{ref}/tokens": 201}
"""For whoever may read it, and what he gets: what it allows is asked again when it is used."""
GRANTS = {
    "DELETE /files/{ref}/access/{principal}",
    "DELETE /spaces/{space}/access/{principal}",
    "GET /files/{ref}/access",
    "GET /files/{ref}/access/explain",
    "GET /spaces/{space}/access",
    "GET /spaces/{space}/access/explain",
    "PUT /files/{ref}/access/{principal}",
    "PUT /files/{ref}/owner",
    "PUT /spaces/{space}/access/{principal}",
}
"""For who owns it or manages its space; to be asked of oneself by whoever may read it."""
ASKS = {"PUT /files/{ref}/owner": {"owner": OWNER}, "PUT /spaces/{space}/access/{principal}": {"level": "viewer"}}
ADMINISTRATORS: set[str] = {
    "DELETE /accounts/{account}",
    "DELETE /accounts/{account}/identity",
    "DELETE /accounts/{account}/sessions",
    "DELETE /accounts/{account}/tokens/{token}",
    "DELETE /groups/{group}",
    "DELETE /invites/{invite}",
    "GET /accounts",
    "GET /accounts/{account}",
    "GET /accounts/{account}/tokens",
    "GET /invites",
    "PATCH /accounts/{account}",
    "POST /accounts",
    "POST /accounts/{account}/hand-over",
    "POST /accounts/{account}/password",
    "POST /accounts/{account}/tokens",
    "PUT /accounts/{account}/identity",
    "POST /groups",
    "POST /invites",
    "DELETE /admin/cluster/tokens/{token_hash}",
    "DELETE /admin/jobs/{job_id}",
    "DELETE /admin/peers/{node}",
    "GET /admin/cluster/tokens",
    "GET /admin/config",
    "GET /admin/jobs",
    "GET /admin/jobs/{job_id}",
    "GET /admin/keys",
    "GET /admin/log",
    "GET /admin/log/records",
    "GET /admin/repair",
    "GET /admin/views",
    "GET /admin/workers",
    "GET /layout",
    "GET /metrics",
    "GET /outcomes/{event_id}",
    "GET /peers",
    "GET /peers/{node}",
    "GET /stats",
    "GET /topology",
    "PATCH /admin/peers/{node}",
    "PATCH /admin/workers/{name}",
    "POST /admin/backup",
    "POST /admin/check",
    "POST /admin/checkpoints",
    "POST /admin/checkpoints/verify",
    "POST /admin/cluster/tokens",
    "POST /admin/gc",
    "POST /admin/keys/recovery",
    "POST /admin/keys/rotate",
    "POST /admin/layout",
    "POST /admin/layout/plan",
    "POST /admin/repair",
    "POST /admin/topology/benchmark",
    "POST /admin/views/rebuild",
}
"""For administrators alone."""


def template_of(route: str) -> str:
    return route.partition(" ")[2]


def filled(template: str, people: People) -> str:
    named = {"{space}": "main", "{path}": "docs/plan", "{ref}": people.file_id, "{number}": "1", "{version}": "1"}
    for name, value in named.items():
        template = template.replace(name, value)
    return "/".join("unknown" if part.startswith("{") else part for part in template.split("/"))


async def test_every_route_says_who_may_use_it(vault: Vault) -> None:
    # A vault in memory has no upkeep: what becomes of the requests for it that get through is not looked at here.
    with structlog.testing.capture_logs():
        await every_route_asks(vault)


async def every_route_asks(vault: Vault) -> None:
    async with people_at(vault) as people:
        document = (await people.ask("admin", "GET", "/openapi.json")).json()
        routes = {
            f"{method.upper()} {template}": filled(template, people)
            for template, operations in document["paths"].items()
            for method in operations
            if method in ("get", "put", "post", "patch", "delete")
        }
        known = READS | PUBLIC | OWN | GRANTS | set(SHARES) | set(READERS) | ADMINISTRATORS | set(WRITES) | set(LISTS)
        assert set(routes) == known, set(routes) ^ known
        for route, path in routes.items():
            if route in WRITES:
                continue  # In a vault of its own: see ``test_access_of_writers``.
            method = route.split(" ")[0]
            told = {
                who: (await people.ask(who, method, path)).status_code
                for who in ("anonymous", "stranger", "reader", "member", "writer", "owner", "manager")
            }
            if route in READS:
                assert told == {
                    "anonymous": 401, "stranger": 404, **dict.fromkeys(list(told)[2:], 200)
                }, route  # fmt: skip
                assert (await people.ask("admin", method, path)).status_code == 200
            elif route in LISTS:
                path = path.replace("/docs/plan", "/docs")
                told = {who: (await people.ask(who, method, path)).status_code for who in told}
                assert told == {"anonymous": 401, "stranger": LISTS[route], **dict.fromkeys(list(told)[2:], 200)}, route
            elif route in OWN:
                assert told.pop("anonymous") == 401, route
                assert 401 not in told.values(), route
            elif route in SHARES:
                expected = {"anonymous": 401, "stranger": 404, "reader": 403, "member": 403, "writer": 403}
                expected |= dict.fromkeys(("owner", "manager"), SHARES[route])
                ask = {} if method == "POST" else None
                told = {who: (await people.ask(who, method, path, ask)).status_code for who in expected}
                assert told == expected, route
            elif route in READERS:
                told = {who: (await people.ask(who, method, path, {})).status_code for who in told}
                assert told == {
                    "anonymous": 401, "stranger": 404, **dict.fromkeys(list(told)[2:], READERS[route])
                }, route  # fmt: skip
                put = {"methods": ["PUT"]}
                told = {who: (await people.ask(who, method, path, put)).status_code for who in told}
                expected = {"anonymous": 401, "stranger": 404, "reader": 403, "member": 403}
                assert told == expected | dict.fromkeys(("writer", "owner", "manager"), READERS[route]), route
            elif route in GRANTS:
                ask = ASKS.get(route, {"level": "read"}) if method == "PUT" else None
                path = path.replace("/unknown", "/public")
                at_space = template_of(route).startswith("/spaces")
                expected = {
                    "anonymous": 401,
                    "stranger": 404,
                    "reader": 403,
                    "member": 403,
                    "writer": 403,
                    "owner": 200,
                }
                if at_space:
                    expected |= dict.fromkeys(("reader", "member", "writer", "owner"), 404)
                if route.endswith("/explain"):
                    expected |= {} if at_space else {"reader": 200, "member": 200, "writer": 200}
                if route.endswith("/owner"):
                    # The accounts of this test are no rows: that nobody gets one who is not there is all it can say.
                    expected |= dict.fromkeys(("reader", "member", "writer", "owner"), 404)
                told = {who: (await people.ask(who, method, path, ask)).status_code for who in expected}
                assert told == expected, route
                if not route.endswith("/owner"):
                    assert (await people.ask("manager", method, path, ask)).status_code == 200, route
            elif route in ADMINISTRATORS:
                assert told == {"anonymous": 401, **dict.fromkeys(list(told)[1:], 403)}, route
            else:
                assert not {401, 403} & set(told.values()), route
        for route in sorted(ADMINISTRATORS):
            method, _, template = route.partition(" ")
            path = "/".join("unknown" if part.startswith("{") else part for part in template.split("/"))
            assert (await people.ask("admin", method, path)).status_code not in (401, 403), route


@pytest.mark.parametrize("who", ["stranger", "reader", "member"])
async def test_what_is_hidden_and_what_is_not_there_look_alike(vault: Vault, who: str) -> None:
    async with people_at(vault) as people:
        await vault.put("private", b"hidden")
        hidden = await people.ask(who, "GET", "/spaces/main/files/private")
        missing = await people.ask(who, "GET", "/spaces/main/files/missing")
        nowhere = await people.ask(who, "GET", "/spaces/nowhere/files/missing")
        assert hidden.status_code == missing.status_code == nowhere.status_code == 404
        assert hidden.json()["code"] == missing.json()["code"] == nowhere.json()["code"]


async def test_a_hash_reads_only_through_a_file_that_one_may_read(vault: Vault) -> None:
    async with people_at(vault) as people:
        assert (await people.ask("stranger", "GET", f"/files/{people.sha256}")).status_code == 404
        assert (await people.ask("writer", "GET", f"/files/{people.sha256}")).content == b"secret"
        await vault.put("elsewhere", b"secret")
        assert (await people.ask("reader", "GET", f"/files/{people.sha256}/metadata")).status_code == 200
        assert (await people.ask("manager", "GET", f"/files/{people.sha256}/metadata")).status_code == 409


async def test_a_grant_taken_back_ends_at_once(vault: Vault) -> None:
    async with people_at(vault) as people:
        space = vault.views.space_named("main")
        assert space is not None
        assert (await people.ask("writer", "GET", f"/files/{people.file_id}")).status_code == 200
        await people.submit(AccessRevoked(space_id=space.space_id, target_id=people.file_id, principal=WRITER))
        assert (await people.ask("writer", "GET", f"/files/{people.file_id}")).status_code == 404


async def test_where_the_log_decides_no_access_yet_only_administrators_come_in(vault: Vault) -> None:
    async with people_at(vault, rules=1) as people:
        for who in ("stranger", "owner", "manager"):
            assert (await people.ask(who, "GET", f"/files/{people.file_id}")).status_code == 404
        assert (await people.ask("admin", "GET", f"/files/{people.file_id}")).status_code == 200
