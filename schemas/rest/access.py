"""What the routes of access take and answer: grants, owners, and why somebody may do what he may."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from schemas.ids import ACCOUNT_ID_PATTERN, GROUP_ID_PATTERN
from schemas.rest.shapes import RequestModel, ResponseModel

PRINCIPAL_PATTERN = rf"^(?:public|users|{ACCOUNT_ID_PATTERN.strip('^$')}|{GROUP_ID_PATTERN.strip('^$')})$"
AccountIdText = Annotated[str, Field(pattern=ACCOUNT_ID_PATTERN, examples=["a_01JCZ8M5T4Q9V2W3X4Y5Z6A7C1"])]
Level = Literal["none", "read", "write", "owner"]
_REVISION = Field(description="Of what is granted there and who owns it; the ETag carries it.")
_DECIDED = Field(
    description="Whether the space decides access yet (rules 2 and later); before, only administrators come in."
)

_ANN, _BOB = "a_01JCZ8M5T4Q9V2W3X4Y5Z6A7C1", "a_01JCZ8M5T4Q9V2W3X4Y5Z6A7C2"
_TEAM = "g_01JCZ8M5T4Q9V2W3X4Y5Z6A7D1"
_FILE: dict[str, Any] = {
    "id": "f_01JCZ8M5T4Q9V2W3X4Y5Z6A7B8",
    "type": "file",
    "path": "reports/hello.txt",
    "owner": _ANN,
    "grants": [{"principal": _BOB, "level": "write"}],
    "revision": 2,
}
_FOLDER: dict[str, Any] = {
    "id": "f_01JCZ8M5T4Q9V2W3X4Y5Z6A7B9",
    "type": "folder",
    "path": "reports",
    "owner": None,
    "grants": [{"principal": _TEAM, "level": "read"}],
    "revision": 1,
}
_SPACE: dict[str, Any] = {
    "id": "s_01JCZ8M5T4Q9V2W3X4Y5Z6A7A1",
    "type": "space",
    "path": "",
    "owner": None,
    "grants": [{"principal": "users", "level": "viewer"}],
    "revision": 1,
}


class GrantDocument(ResponseModel):
    """What one principal was granted: a level at a file or folder, a role at a space."""

    principal: str
    level: Literal["read", "write", "viewer", "editor", "manager"]


class PlaceAccess(ResponseModel):
    """What is said of access at one space, folder or file."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_FILE]})

    id: str
    type: Literal["space", "folder", "file"]
    path: str = Field(description="In its space; empty for the space itself.")
    owner: str | None = Field(description="The account that it belongs to; null: administrators. Spaces have none.")
    grants: list[GrantDocument] = Field(description="By principal.")
    revision: int = _REVISION


class AccessDocument(PlaceAccess):
    """What is granted at a place, and what it inherits from the folders above it and from the space."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={"examples": [{**_FILE, "space": "main", "decided": True, "inherited": [_FOLDER, _SPACE]}]},
    )

    space: str
    decided: bool = _DECIDED
    inherited: list[PlaceAccess] = Field(description="Nearest first; all of it holds here too.")


class AccessStep(ResponseModel):
    """One thing that counted."""

    id: str
    type: Literal["space", "folder", "file"]
    path: str
    principal: str = Field(description="As whom it counted.")
    word: Literal["owner", "read", "write", "viewer", "editor", "manager"] = Field(description="As it is said there.")
    level: Level = Field(description="What follows from it.")


class AccessExplanation(ResponseModel):
    """Why a principal may do what it may: the most of all steps."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "id": _FILE["id"],
                    "space": "main",
                    "path": _FILE["path"],
                    "principal": _BOB,
                    "counted_as": [_BOB, _TEAM, "users", "public"],
                    "decided": True,
                    "administers": False,
                    "level": "write",
                    "steps": [
                        {**_step, "principal": _as, "word": _word, "level": _level}
                        for _step, _as, _word, _level in (
                            ({name: _FILE[name] for name in ("id", "type", "path")}, _BOB, "write", "write"),
                            ({name: _FOLDER[name] for name in ("id", "type", "path")}, _TEAM, "read", "read"),
                            ({name: _SPACE[name] for name in ("id", "type", "path")}, "users", "viewer", "read"),
                        )
                    ],
                }
            ]
        },
    )

    id: str
    space: str
    path: str
    principal: str
    counted_as: list[str] = Field(
        description="Everything that it is when it asks; empty: a disabled account or a removed group."
    )
    decided: bool = _DECIDED
    administers: bool = Field(description="It may do everything, whatever is granted.")
    level: Level
    steps: list[AccessStep] = Field(description="Nearest first.")


class AccessChange(ResponseModel):
    """What a change made of it."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={"examples": [{"id": _FILE["id"], "principal": _BOB, "level": "write", "revision": 3}]},
    )

    id: str
    principal: str
    level: Literal["read", "write", "viewer", "editor", "manager", "owner"] | None = Field(
        description="What it has there now; null: nothing of its own."
    )
    revision: int = _REVISION


class LevelAsk(RequestModel):
    """What a principal gets at a file, or at a folder and all that is in it."""

    level: Literal["read", "write"]

    model_config = ConfigDict(json_schema_extra={"examples": [{"level": "read"}]})


class RoleAsk(RequestModel):
    """The role that a principal gets at a space: it reads, writes, or manages all that is in it."""

    level: Literal["viewer", "editor", "manager"]

    model_config = ConfigDict(json_schema_extra={"examples": [{"level": "editor"}]})


class OwnerAsk(RequestModel):
    """Whom a file or folder shall belong to."""

    owner: AccountIdText

    model_config = ConfigDict(json_schema_extra={"examples": [{"owner": _ANN}]})
