"""What people ask of members and layouts, and what they are told."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.rest.admin import PeerDocument
from schemas.rest.shapes import whole

_TEXT = r"^[^\u0000-\u001f\u007f-\u009f]*$"


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PeerPatch(_Request):
    """What is set of a node; what is missing or null stays."""

    name: str | None = Field(None, max_length=64, pattern=_TEXT, examples=["attic-1"])
    zone: str | None = Field(
        None,
        max_length=64,
        pattern=_TEXT,
        description="What fails together; empty: the node fails alone.",
        examples=["attic"],
    )
    weight: Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(whole)] | None = Field(
        None, description="Twice the weight, twice the chunks; 0: none.", examples=[2]
    )
    draining: bool | None = Field(
        None, strict=True, description="Whether the next layout gives it nothing.", examples=[True]
    )


class PeerRemovalDocument(_Answer):
    """A removed node, and what is left for people to do."""

    node: PeerDocument
    sealing_epoch: int | None = Field(
        description="The epoch that was opened: keys that the node took along do not open what is sealed in it. "
        "Null with `dry_run`."
    )
    revoke: str = Field(description="What to revoke elsewhere, in sentences.")


class LayoutWish(_Request):
    """What a layout shall be like; what is missing or null stays as the newest has it."""

    replicas: Annotated[int, Field(ge=1, le=16), BeforeValidator(whole)] | None = Field(
        None, description="Nodes that hold each chunk.", examples=[3]
    )
    write_quorum: Annotated[int, Field(ge=1, le=16), BeforeValidator(whole)] | None = Field(
        None, description="Durable replicas that a write waits for.", examples=[2]
    )


class LayoutApply(LayoutWish):
    """A plan to put in force, asked for as it was planned."""

    plan_id: str = Field(min_length=1, max_length=64, description="The plan's id.")


class PlannedNodeDocument(_Answer):
    """A node that a layout is made of."""

    node_id: str
    weight: int
    zone: str


class NodeShiftDocument(_Answer):
    """What a change of layout means to one node."""

    node_id: str
    slots_before: int
    slots_after: int
    slots_gained: int = Field(description="Slots that it has to fetch.")
    slots_lost: int
    slots_wanted: int = Field(description="What weights and zones would have it hold.")


class LayoutPlanDocument(_Answer):
    """The layout that would follow the newest now."""

    plan_id: str
    base_version: int = Field(description="The layout it was made from; 0: there is none.")
    replicas: int
    write_quorum: int
    changed: bool = Field(description="Whether it differs from the newest in anything.")
    nodes: tuple[PlannedNodeDocument, ...]
    shifts: tuple[NodeShiftDocument, ...]
    slots_moved: int = Field(description="Replicas of slots that have to be fetched.")
    bytes_moved: int = Field(description="About how many bytes that is, by what this node stores.")
