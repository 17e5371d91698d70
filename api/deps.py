"""What FastAPI routes depend on: services, the actor, and path parameters decoded once from the raw path."""

from typing import Annotated

from fastapi import Depends, Path, Request

from api.settings import ApiSettings
from api.targets import folder_from_url, ref_from_url, space_from_url, tree_path_from_url
from govault.domain.actor import Actor
from govault.services.catalog import Services
from schemas.ids import ENTITY_ID_PATTERN, SHA256_PATTERN, SPACE_NAME_PATTERN

REF_PATTERN = f"{ENTITY_ID_PATTERN}|{SHA256_PATTERN}"
PATH_PATTERN = r"^(?!\.\.?$)(?:[\x20-\x2e\x30-\x7e]{1,255}|[^/\x00-\x1f\x7f-\x9f]{1,63})$"
"""One name. OpenAPI has no words for a parameter of several segments: between them slashes stand as they are."""


# Patterns are told and not checked here: what comes is still percent-encoded, and its decoding names the rule broken.
_SPACE = Path(description="The space's name.", examples=["main"], json_schema_extra={"pattern": SPACE_NAME_PATTERN})
_TREE_PATH = Path(
    description="Path inside the space: segments joined by slashes, each percent-encoded.",
    examples=["summary.pdf"],
    json_schema_extra={"pattern": PATH_PATTERN},
)
_FOLDER_PATH = Path(
    description="Path of the folder: segments joined by slashes, each percent-encoded; empty for the space's top.",
    examples=["reports"],
    json_schema_extra={"pattern": PATH_PATTERN},
)
_REF = Path(
    description="A file or folder id, or the SHA-256 of a content.",
    examples=["f_01JD3V8Q6H4T9M2K7RX5WZ0ABC"],
    json_schema_extra={"pattern": REF_PATTERN},
)


async def get_services(request: Request) -> Services:
    """The node's services."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


async def get_settings(request: Request) -> ApiSettings:
    """The edge's settings."""
    settings = request.app.state.settings
    assert isinstance(settings, ApiSettings)
    return settings


async def get_actor(request: Request) -> Actor:
    """Who asks, as the gate established it (with request id, Idempotency-Key and request hash)."""
    actor = request.scope["state"]["actor"]
    assert isinstance(actor, Actor)
    return actor


async def get_space_name(space: Annotated[str, _SPACE]) -> str:
    """The space's name, decoded and valid."""
    return space_from_url(space)


async def get_tree_path(
    path: Annotated[str, _TREE_PATH],
) -> str:
    """The normalised path of at least one segment."""
    return tree_path_from_url(path).path


async def get_folder_path(
    path: Annotated[str, _FOLDER_PATH],
) -> str:
    """The normalised path of a folder; a trailing slash is allowed, and the empty path is the top."""
    return folder_from_url(path).path


async def get_ref(
    ref: Annotated[str, _REF],
) -> str:
    """A reference as it was written, percent-decoded."""
    return ref_from_url(ref)


ServicesDep = Annotated[Services, Depends(get_services)]
SettingsDep = Annotated[ApiSettings, Depends(get_settings)]
ActorDep = Annotated[Actor, Depends(get_actor)]
SpaceParam = Annotated[str, Depends(get_space_name)]
PathParam = Annotated[str, Depends(get_tree_path)]
FolderPathParam = Annotated[str, Depends(get_folder_path)]
RefParam = Annotated[str, Depends(get_ref)]
