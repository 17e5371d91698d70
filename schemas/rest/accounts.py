"""What the routes of accounts, sessions, tokens and invites take and answer."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.rest.shapes import RequestModel, ResponseModel, whole

ACCOUNT_ID = "a_01JD3V8Q6H4T9M2K7RX5WZ0ABC"
TOKEN_ID = "t_01JD3V8Q6H4T9M2K7RX5WZ0ABC"
SESSION_ID = "0f8c1a5e2b7d4c93a6e1f0b2d3c4a5b6"
INVITE_HASH = "5f0c2b6e9d1a4738c5e2f1b0a9d8c7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0"

Login = Annotated[str, Field(min_length=1, max_length=100, description="The name to log in with.", examples=["ada"])]
Password = Annotated[str, Field(min_length=1, max_length=1024, description="A password.", examples=["correct horse"])]
NewPassword = Annotated[Password, Field(json_schema_extra={"minLength": 8})]
"""Told, not checked here: the service counts what is left after normalisation."""
DisplayName = Annotated[str, Field(max_length=200, description="For people.", examples=["Ada Lovelace"])]
Email = Annotated[
    str,
    Field(
        max_length=254,
        description="For people.",
        examples=["ada@example.org"],
        json_schema_extra={"pattern": "^(?:[!-?A-~]{1,64}@[!-?A-~]{1,180})?$"},
    ),
]
Roles = Annotated[
    tuple[Literal["admin"], ...],
    Field(max_length=16, description="`admin` is the only role that there is."),
]
Revision = Annotated[int | None, Field(ge=0, le=2**53 - 1), BeforeValidator(whole)]
Seconds = Annotated[int, Field(ge=1, le=315_360_000), BeforeValidator(whole)]
REVISION_IS = "Refuse with 412 where the revision is another by now."


class LoginAsk(RequestModel):
    """Who logs in."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"login": "ada", "password": "correct horse"}]}
    )
    login: Login
    password: Password
    cookie: bool = Field(
        default=False, strict=True, description="For browsers: keep the tokens in cookies, and tell none."
    )


class RefreshAsk(RequestModel):
    """A session that goes on."""

    refresh_token: str = Field(default="", max_length=200, description="Empty: the one in the cookie.")


class RegisterAsk(RequestModel):
    """Who makes an account for himself."""

    login: Login
    password: NewPassword
    display_name: DisplayName = ""
    email: Email = ""
    invite: str = Field(default="", max_length=200, description="The invite, where the vault asks for one.")


class RedeemAsk(RequestModel):
    """A command that has come back from the identity provider."""

    code: str = Field(min_length=1, max_length=4000, description="What its loopback address was called with.")
    verifier: str = Field(
        min_length=43,
        max_length=128,
        description="The secret whose SHA-256 was `cli_challenge`.",
        json_schema_extra={"pattern": "^[A-Za-z0-9._~-]{43,128}$"},
    )


class IdentityAsk(RequestModel):
    """Whom of the identity provider an account belongs to."""

    subject: str = Field(
        min_length=1, max_length=255, description="The provider's `sub` of him.", examples=["248289761001"]
    )
    issuer: str = Field(default="", max_length=2000, description="The provider; empty: the configured one.")


class HandOverAsk(RequestModel):
    """Who shall have what an account owns."""

    to: str = Field(
        min_length=1, max_length=100, description="The heir: an account's id or login.", examples=[ACCOUNT_ID]
    )


class HandedOverDocument(ResponseModel):
    """What was handed over."""

    entities: int = Field(description="Files and folders that belong to the heir now, trash among them.", examples=[42])
    spaces: int = Field(description="Spaces where the heir got the account's role.", examples=[1])
    more: bool = Field(description="Whether there is more to hand over: ask again.", examples=[False])


class AccountQuotaDocument(BaseModel):
    """How much an account may own in all spaces, older versions and trash counted; null: no bound."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes_max: Annotated[int, Field(ge=0, le=2**53), BeforeValidator(whole)] | None = Field(
        default=None, description="Compared with `owns.logical_bytes`."
    )
    files_max: Annotated[int, Field(ge=0, le=2**53), BeforeValidator(whole)] | None = Field(
        default=None, description="Compared with `owns.files`."
    )


class OwnsDocument(ResponseModel):
    """How much an account owns in all spaces, as far as this node has read the log."""

    logical_bytes: int = Field(description="Sum of the sizes of all retained versions of its files.", examples=[4096])
    files: int = Field(description="Trash included, until it is purged.", examples=[3])


class AccountDocument(ResponseModel):
    """An account. The personal fields are null once it was erased."""

    id: str = Field(examples=[ACCOUNT_ID])
    kind: Literal["person", "service"]
    login: str | None = Field(examples=["ada"])
    display_name: str | None = Field(examples=["Ada Lovelace"])
    email: str | None = Field(examples=["ada@example.org"])
    roles: tuple[str, ...]
    groups: tuple[str, ...] = Field(description="Names of the groups that it is in.", examples=[["editors"]])
    state: Literal["active", "disabled", "erased"]
    must_change_password: bool
    linked: bool = Field(description="Whether somebody logs in with it at the identity provider.")
    quota: AccountQuotaDocument
    owns: OwnsDocument | None = Field(description="Null in lists.")
    revision: int
    created: datetime


class PersonDocument(ResponseModel):
    """Whom something can be granted to."""

    id: str = Field(examples=[ACCOUNT_ID])
    login: str = Field(examples=["ada"])
    display_name: str | None = Field(examples=["Ada Lovelace"])


class AccountsPage(ResponseModel):
    """A page of accounts."""

    items: tuple[AccountDocument, ...]
    more: bool
    next_cursor: str | None


class SessionTokens(ResponseModel):
    """What to come in with. Null in cookies."""

    access_token: str | None = Field(description="For `Authorization: Bearer`.")
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="Seconds until the access token ends.", examples=[900])
    refresh_token: str | None = Field(description="Counts once: each refresh gives the next.")
    session_id: str = Field(examples=[SESSION_ID])
    must_change_password: bool = Field(description="Nothing else works until the password was changed.")
    account: AccountDocument


class JwksDocument(ResponseModel):
    """The keys that access tokens are signed with (RFC 7517)."""

    keys: tuple[dict[str, str], ...]


class WhoDocument(ResponseModel):
    """Who asks, as this node sees it."""

    actor: str = Field(description="As events and the audit trail name it.", examples=[ACCOUNT_ID])
    principals: tuple[str, ...] = Field(examples=[[ACCOUNT_ID, "users", "public"]])
    credential: Literal["operator", "session", "token"]
    scopes: tuple[str, ...] | None = Field(description="Of an API token.")
    account: AccountDocument | None = Field(description="Null for the operator's token.")


class AccountAsk(RequestModel):
    """A new account."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"login": "ada", "password": "correct horse", "display_name": "Ada Lovelace"}],
            "not": {
                "properties": {"kind": {"const": "service"}, "password": {"type": "string"}},
                "required": ["kind", "password"],
            },
        },
    )
    login: Login
    password: NewPassword | None = Field(default=None, description="Null: a person gets a fresh one, told once.")
    kind: Literal["person", "service"] = Field(default="person", description="A service has no password.")
    display_name: DisplayName = ""
    email: Email = ""
    roles: Roles = ()
    quota: AccountQuotaDocument | None = Field(
        default=None, description="Null: what the node's configuration gives new accounts."
    )


class NewAccountDocument(AccountDocument):
    """A new account."""

    password: str | None = Field(description="The fresh one, told now and never again; to be changed at first login.")


class AccountPatch(RequestModel):
    """What shall be different; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"display_name": "Ada King"},
                {"quota": {"bytes_max": 10_737_418_240, "files_max": 100_000}},
            ]
        },
    )
    login: Login | None = None
    display_name: DisplayName | None = None
    email: Email | None = None
    roles: Roles | None = None
    disabled: bool | None = Field(default=None, strict=True, description="Whether nobody comes in by it.")
    quota: AccountQuotaDocument | None = Field(default=None, description="Replaces the whole of it.")
    base_revision: Revision = Field(default=None, description=REVISION_IS)


class MyPatch(RequestModel):
    """What shall be different about oneself; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"display_name": "Ada King"}]}
    )
    login: Login | None = None
    display_name: DisplayName | None = None
    email: Email | None = None


class PasswordAsk(RequestModel):
    """Another password."""

    current: Password
    new: NewPassword


class FreshPassword(ResponseModel):
    """A password that must be changed at the next login."""

    password: str = Field(description="Told now and never again.")


class SessionDocument(ResponseModel):
    """A session."""

    id: str = Field(examples=[SESSION_ID])
    opened: datetime
    used: datetime = Field(description="Its latest refresh.")
    expires: datetime
    this: bool = Field(description="Whether it is the one that asks.")


class SessionsDocument(ResponseModel):
    """Sessions, the oldest first."""

    items: tuple[SessionDocument, ...]


class TokenAsk(RequestModel):
    """An API token."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"name": "backup", "scopes": ["read"], "expires_s": 2_592_000}]},
    )
    name: str = Field(min_length=1, max_length=100, description="What it is for.")
    scopes: tuple[Literal["read", "write", "admin"], ...] = Field(min_length=1, max_length=3)
    expires_s: Seconds | None = Field(default=None, description="Seconds until it ends; null: when revoked.")


class TokenDocument(ResponseModel):
    """An API token, without its secret."""

    id: str = Field(examples=[TOKEN_ID])
    name: str
    scopes: tuple[str, ...]
    issued: datetime
    expires: datetime | None


class NewTokenDocument(TokenDocument):
    """A fresh API token."""

    token: str = Field(description="Told now and never again.")


class TokensDocument(ResponseModel):
    """An account's tokens, the oldest first."""

    items: tuple[TokenDocument, ...]


class InviteAsk(RequestModel):
    """An invite to make one account."""

    roles: Roles = ()
    expires_s: Annotated[int, Field(ge=1, le=2_592_000), BeforeValidator(whole)] = 604_800


class InviteDocument(ResponseModel):
    """An invite, by its hash."""

    hash: str = Field(examples=[INVITE_HASH])
    state: Literal["open", "used", "revoked", "expired"]
    roles: tuple[str, ...]
    issued: datetime
    expires: datetime
    account: str | None = Field(description="The account that was made with it.")


class NewInviteDocument(InviteDocument):
    """A fresh invite."""

    invite: str = Field(description="Told now and never again.")


class InvitesPage(ResponseModel):
    """A page of invites."""

    items: tuple[InviteDocument, ...]
    more: bool
    next_cursor: str | None
