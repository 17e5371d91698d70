"""What the routes of repair answer and take. Answers only grow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class RepairQueueDocument(_Answer):
    """Chunks that wait for repair on this node, by urgency."""

    chunks: int = Field(examples=[1200], description="All of them.")
    sole: int = Field(examples=[0], description="At most one replica answers: these come first.")
    few: int = Field(examples=[1200], description="Fewer replicas answer than are wanted.")
    rest: int = Field(examples=[0])
    failed: int = Field(examples=[3], description="Among them: tried before, to be tried again after a while.")
    lost: int = Field(examples=[0], description="Among them: every node was asked, and none has it.")


class RepairWalkDocument(_Answer):
    """The walk over this node's slots: what should be here, and whether the other holders have it."""

    running: bool
    slots_done: int = Field(examples=[12288])
    slots: int = Field(examples=[12288], description="Slots that this node holds.")
    missing: int = Field(examples=[0], description="Chunks that should be here and were not.")
    under_replicated: int = Field(
        examples=[0], description="Chunks of this node's slots with fewer replicas than wanted."
    )
    unsafe: int = Field(
        examples=[0], description="Chunks of other nodes' slots that are here and that a holder lacks, or may lack."
    )


class RepairedDocument(_Answer):
    """What was done since the node started."""

    repaired: int = Field(examples=[800], description="Replicas made on this node.")
    repaired_bytes: int = Field(examples=[209715200], description="Sealed.")
    pushed: int = Field(examples=[12], description="Replicas given to other nodes.")
    pushed_bytes: int = Field(examples=[3145728])
    lost: int = Field(examples=[2], description="Replicas here that failed their check, or were gone.")
    removed: int = Field(examples=[0], description="Replicas of other nodes' slots that were let go.")


class ScrubDocument(_Answer):
    """Reading and verifying every chunk, again and again."""

    running: bool
    progress: float | None = Field(examples=[0.42], description="Of the pass that is on, 0 to 1.")
    eta_s: float | None = Field(examples=[1209600.0])
    began_ms: int | None = Field(examples=[1790000000000], description="When the pass began.")
    chunks: int = Field(examples=[52000], description="Verified in this pass.")
    read_bytes: int = Field(examples=[13631488000])
    damaged: int = Field(examples=[0], description="Found in this pass.")
    bytes_per_s: float = Field(examples=[1048576.0])
    passes: int = Field(examples=[3], description="Whole passes so far.")
    finished_ms: int | None = Field(examples=[1789000000000], description="When the last whole pass ended.")
    damaged_before: int = Field(examples=[1], description="Found in the last whole pass.")


class RepairDocument(_Answer):
    """Repair on this node."""

    state: Literal["idle", "working", "paused", "fenced"]
    queue: RepairQueueDocument
    done: RepairedDocument
    chunks_per_s: float = Field(examples=[35.0], description="Of the last minute.")
    bytes_per_s: float = Field(examples=[9175040.0])
    bytes_per_s_max: float = Field(examples=[33554432.0], description="The budget.")
    eta_s: float | None = Field(
        examples=[34.3], description="Until nothing waits, at that rate; null where that is not known."
    )
    walk: RepairWalkDocument
    layout_version: int = Field(examples=[4])
    layout_reached: bool = Field(description="Whether this node has everything that the newest layout gives it.")
    drained: bool = Field(description="Whether the node can be removed without any chunk losing a replica.")
    scrub: ScrubDocument


class RepairRequest(BaseModel):
    """What repair is to do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Literal["run", "scrub", "pause", "resume"] = Field(
        examples=["run"],
        description="run: walk over the slots now. scrub: the same, and verify every chunk at full speed. pause and "
        "resume: until the node restarts.",
    )
