"""Who is told what by which route: a row for every route of the OpenAPI document.

The same rows are held against a vault in memory (tests/integration/namespace) and a real node (tests/e2e/access).
"""

from collections.abc import Mapping
from typing import Any

from tests.access.rows import WHO, Form, Needs, Row, Spends, Told

_ACCOUNTS = WHO[1:]


def _from(first: str, status: int, **others: int) -> Told:
    """The anonymous are asked who they are; from somebody on all are told the same; before him, what is named."""
    at = WHO.index(first)
    return {"anonymous": 401, **others, **dict.fromkeys(WHO[at:], status)}


def _all(status: int) -> Told:
    return _from("stranger", status)


def _read(status: int = 200) -> Row:
    return Row(_from("reader", status, stranger=404))


def _write(
    told: Told, ask: object = None, *, query: Mapping[str, str] | None = None, trashed: bool = False, **place: str
) -> Row:
    return Row(told, ask, query or {}, place, spends=Spends.COPY, trashed=trashed)


def _admin(status: int, ask: object = None, **place: str) -> Row:
    return Row(_from("admin", status, **dict.fromkeys(_ACCOUNTS, 403)), ask, place=place, needs=Needs.NODE)


def _own(told: Told, ask: object = None, spends: Spends = Spends.NOTHING, **place: str) -> Row:
    return Row(told, ask, place=place, needs=Needs.ACCOUNTS, spends=spends)


def _public(status: int, ask: object = None, *, link: int | None = None, **place: str) -> Row:
    return Row(dict.fromkeys(WHO, status), ask, place=place, needs=Needs.NOBODY, link=link)


def _writer(status: int) -> Told:
    return _from("writer", status, stranger=404, reader=403, member=403)


def _owner(status: int) -> Told:
    return _from("owner", status, stranger=404, reader=403, member=403, writer=403)


def _manager_at_folder(status: int) -> Told:
    """Who may write a file may not add to its folder; who may not even read the folder does not hear of it."""
    return _from("manager", status, stranger=404, reader=403, member=403, writer=404, owner=404)


def _manager_at_space(status: int) -> Told:
    return _from("manager", status, **dict.fromkeys(("stranger", "reader", "member", "writer", "owner"), 404))


_IN_GROUP = {**_all(404), "member": 200, "admin": 200}
_GROUPS_MANAGER = {**_all(404), "member": 403, "admin": 204}
"""No one of them manages the group; who is not in it does not hear of it."""

READS = {
    "GET /spaces/{space}/files/{path}": _read(),
    "GET /files/{ref}": _read(),
    "GET /files/{ref}/metadata": _read(),
    "GET /files/{ref}/versions": _read(),
    "GET /files/{ref}/versions/{number}": _read(),
    "GET /files/{ref}/versions/{version}/content": _read(),
    "GET /files/{ref}/history": _read(),
}
"""Open to whoever may read the file."""
LISTS = {
    "GET /files": Row(_all(200)),
    "GET /spaces": Row(_all(200)),
    "GET /spaces/{space}": _read(),
    "GET /spaces/{space}/folders/{path}": Row(_from("reader", 200, stranger=404), place={"path": "docs"}),
    "GET /trash": Row(_all(200)),
}
"""Open to all accounts, each of which sees its own: see ``test_access_of_lists``."""
WRITES = {
    "PUT /spaces/{space}/files/{path}": _write(_writer(200), b"new"),
    "PATCH /spaces/{space}/files/{path}": _write(_writer(200), {"tags": ["x"]}),
    "DELETE /spaces/{space}/files/{path}": _write(_writer(200)),
    "PATCH /files/{ref}": _write(_writer(200), {"tags": ["x"]}),
    "DELETE /files/{ref}": _write(_writer(200)),
    "DELETE /files/{ref}/versions/{number}": _write(_owner(200)),
    "POST /files/{ref}/versions/{number}/restore": _write(_writer(200)),
    "POST /files/{ref}/copy": _write(_manager_at_folder(201), {"path": "docs/copy"}),
    "POST /files": _write(_writer(200), Form({"space": "{space}", "path": "docs/plan"})),
    "PUT /spaces/{space}/folders/{path}": _write(_manager_at_folder(201), path="docs/sub"),
    "PATCH /spaces/{space}/folders/{path}": _write(_manager_at_folder(200), {"path": "moved"}, path="docs"),
    "DELETE /spaces/{space}/folders/{path}": _write(_manager_at_folder(200), path="docs"),
    "PATCH /spaces/{space}": _write(_manager_at_space(200), {"description": "ours"}),
    "DELETE /spaces/{space}": _write(_manager_at_space(204), query={"force": "true"}),
    "DELETE /trash/{id}": _write(_owner(200), trashed=True),
    "DELETE /trash": _write(_manager_at_space(200), query={"space": "{space}"}, trashed=True),
    "POST /trash/{id}/restore": _write(
        _from("manager", 200, stranger=404, reader=403, member=403, writer=404, owner=404), {}, trashed=True
    ),
}
"""What changes files, folders and spaces. Who may write a file may not add to its folder."""
TOKENS = {"POST /files/{ref}/tokens": Row(_from("reader", 201, stranger=404), {})}
"""For whoever may read it: what it allows is asked again when it is used."""
SHARES = {
    "GET /files/{ref}/shares": Row(_owner(200)),
    "POST /files/{ref}/shares": Row(_owner(201), {}),
    "DELETE /files/{ref}/shares/{share}": Row(_owner(204)),
}
"""For who owns it or manages its space."""
GRANTS = {
    "GET /files/{ref}/access": Row(_owner(200)),
    "GET /files/{ref}/access/explain": _read(),
    "PUT /files/{ref}/access/{principal}": Row(_owner(200), {"level": "read"}),
    "DELETE /files/{ref}/access/{principal}": Row(_owner(200)),
    "PUT /files/{ref}/owner": Row(_owner(200), {"owner": "{owner}"}, needs=Needs.ACCOUNTS),
    "GET /spaces/{space}/access": Row(_manager_at_space(200)),
    "GET /spaces/{space}/access/explain": Row(_manager_at_space(200)),
    "PUT /spaces/{space}/access/{principal}": Row(_manager_at_space(200), {"level": "viewer"}),
    "DELETE /spaces/{space}/access/{principal}": Row(_manager_at_space(200)),
}
"""For who owns it or manages its space; to be asked of oneself by whoever may read it."""
OWN = {
    "GET /audit": _own(_all(200)),
    "GET /people/{login}": _own(_all(200)),
    "POST /spaces": _own(_all(201), {"name": "{new}"}),
    "GET /groups": _own(_all(200)),
    "GET /groups/{group}": _own(_IN_GROUP),
    "PATCH /groups/{group}": _own({**_IN_GROUP, "member": 403}, {"description": "ours"}),
    "GET /groups/{group}/members": _own(_IN_GROUP),
    "PUT /groups/{group}/members/{account}": _own(_GROUPS_MANAGER, {"manager": False}),
    "DELETE /groups/{group}/members/{account}": _own(_GROUPS_MANAGER),
    "GET /me": _own(_all(200)),
    "PATCH /me": _own(_all(200), {"display_name": "Somebody"}),
    "GET /me/sessions": _own(_all(200)),
    "DELETE /me/sessions/{session}": _own(_all(204)),
    "GET /me/tokens": _own(_all(200)),
    "POST /me/tokens": _own(_all(201), {"name": "backup", "scopes": ["read"]}),
    "DELETE /me/tokens/{token}": _own(_all(204), token="{own_token}"),
    "GET /shares": _own(_all(200)),
    "POST /auth/logout": _own(_all(204), spends=Spends.SESSION),
    "DELETE /me/sessions": _own(_all(204), spends=Spends.SESSION),
    "POST /me/password": _own(_all(204), {"current": "{password}", "new": "{new_password}"}, Spends.SESSION),
}
"""About whoever asks, or his from there on; what each does is tested with accounts and spaces."""
ADMINISTRATORS = {
    "GET /accounts": _admin(200),
    "POST /accounts": _admin(201, {"login": "{new}"}),
    "GET /accounts/{account}": _admin(200),
    "PATCH /accounts/{account}": _admin(200, {"display_name": "Spare"}),
    "PUT /accounts/{account}/identity": _admin(200, {"subject": "{new}", "issuer": "https://id.example"}),
    "DELETE /accounts/{account}/identity": _admin(200),
    "POST /accounts/{account}/password": _admin(200),
    "DELETE /accounts/{account}/sessions": _admin(204),
    "GET /accounts/{account}/tokens": _admin(200),
    "POST /accounts/{account}/tokens": _admin(201, {"name": "backup", "scopes": ["read"]}),
    "DELETE /accounts/{account}/tokens/{token}": _admin(204, token="{spare_token}"),
    "POST /accounts/{account}/hand-over": _admin(200, {"to": "{owner}"}),
    # Erased is somebody who is nobody's heir, owner or member.
    "DELETE /accounts/{account}": _admin(204, account="{new_account}"),
    "POST /groups": _admin(201, {"name": "{new}"}),
    "DELETE /groups/{group}": _admin(204, group="{new_group}"),
    "GET /invites": _admin(200),
    "POST /invites": _admin(201, {}),
    "DELETE /invites/{invite}": _admin(204),
    # A node whose log is embedded takes no peers, and so has no tokens for them.
    "POST /admin/cluster/tokens": _admin(409, {}),
    "GET /admin/cluster/tokens": _admin(200),
    "DELETE /admin/cluster/tokens/{token_hash}": _admin(404),
    "GET /admin/config": _admin(200),
    "GET /admin/jobs": _admin(200),
    "GET /admin/jobs/{job_id}": _admin(200),
    "DELETE /admin/jobs/{job_id}": _admin(200),
    "GET /admin/keys": _admin(200),
    # New chunks are sealed under a new root from here on: what was sealed before stays readable.
    "POST /admin/keys/rotate": _admin(200),
    "POST /admin/keys/recovery": _admin(200),
    "GET /admin/log": _admin(200),
    "GET /admin/log/records": _admin(200),
    "GET /admin/repair": _admin(200),
    "POST /admin/repair": _admin(200, {"action": "resume"}),
    "GET /admin/views": _admin(200),
    "POST /admin/views/rebuild": _admin(202),
    "GET /admin/workers": _admin(200),
    "PATCH /admin/workers/{name}": _admin(200, {"throttle": 0.5}),
    "POST /admin/check": _admin(202),
    "POST /admin/gc": _admin(202),
    "POST /admin/backup": _admin(202, {"path": "{new_folder}"}),
    "POST /admin/checkpoints": _admin(201),
    "POST /admin/checkpoints/verify": _admin(200, "{checkpoint}"),
    "GET /layout": _admin(200),
    "GET /peers": _admin(200),
    "GET /peers/{node}": _admin(200),
    "PATCH /admin/peers/{node}": _admin(200, {"weight": 1}),
    # No node strikes itself off: refused for what it is, not for who asks.
    "DELETE /admin/peers/{node}": _admin(409),
    "GET /topology": _admin(200),
    # There are no links to measure.
    "POST /admin/topology/benchmark": _admin(409),
    "POST /admin/layout/plan": _admin(200, {}),
    # The plan is one that nobody was told.
    "POST /admin/layout": _admin(409, {"plan_id": "unknown"}),
    "GET /metrics": _admin(200),
    "GET /stats": _admin(200),
    # Of an event that is not there.
    "GET /outcomes/{event_id}": _admin(404),
}
"""For administrators alone."""
PUBLIC = {
    "GET /.well-known/jwks.json": _public(200),
    "GET /health": _public(200),
    "GET /livez": _public(200),
    "GET /readyz": _public(200),
    # No identity provider is configured.
    "GET /auth/oidc/start": _public(404),
    "GET /auth/oidc/callback": _public(404),
    "POST /auth/oidc/redeem": _public(404, {"code": "unknown", "verifier": "v" * 43}),
    "POST /auth/login": _public(200, {"login": "lodger", "password": "{password_of_all}"}),
    "POST /auth/refresh": _public(200, {"refresh_token": "{refresh_token}"}),
    # By default administrators alone make accounts: whoever asks is told so.
    "POST /auth/register": _public(403, {"login": "{new}", "password": "correct horse battery"}),
    "GET /s/{token}": _public(404, link=200, token="{link}"),
    "GET /s/{token}/{path}": _public(404, link=200, token="{folder_link}", path="plan"),
    "PUT /s/{token}/{path}": _public(404, b"new", link=201, token="{upload_link}", path="{new}"),
    "GET /content/{token}": _public(404, link=200, token="{file_token}"),
    "PUT /content/{token}": _public(404, b"next", link=200, token="{file_token}"),
}
"""Whoever asks. Doors of share links and file tokens count on the secret in the path alone: see ``Row.link``."""

EXPECTED: dict[str, Row] = {
    **PUBLIC, **READS, **LISTS, **WRITES, **TOKENS, **SHARES, **GRANTS, **ADMINISTRATORS, **OWN,
}  # fmt: skip


def routes_of(document: Mapping[str, Any]) -> set[str]:
    """The routes of an OpenAPI document; what GET says, HEAD says too."""
    return {
        f"{method.upper()} {template}"
        for template, operations in document["paths"].items()
        for method in operations
        if method in ("get", "put", "post", "patch", "delete")
    }
