"""Answers about contents: uploads and outcomes."""

from typing import Literal

from pydantic import ConfigDict, Field

from schemas.rest.shapes import ResponseModel


class UploadAnswer(ResponseModel):
    """What became of an upload."""

    id: str = Field(description="The file's id.", examples=["f_01K9QGZ4T2V7M3N8R5XW6YABCD"])
    space: str = Field(description="Empty where it came by a share link.", examples=["main"])
    path: str = Field(
        description="Where it is, in normal form (NFC); below the folder of the share link by which it came.",
        examples=["reports/2026.txt"],
    )
    version: int = Field(description="The version that has these bytes.", ge=1, examples=[1])
    etag: str = Field(
        description="SHA-256 of the content, also its address under `/files/`.",
        pattern=r"^[0-9a-f]{64}$",
        examples=["2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"],
    )
    size_bytes: int = Field(ge=0, examples=[5])
    media_type: str = Field(examples=["text/plain"])
    result: Literal["created", "version", "touched", "unchanged"] = Field(
        description=(
            "`created`: a new file. `version`: a next version. `touched`: the current version has these bytes already, "
            "only its times, mode or words changed. `unchanged`: nothing changed."
        )
    )
    chunks: int = Field(description="How many chunks the content has.", ge=0, examples=[1])
    new_bytes: int = Field(
        description="Bytes that the vault did not have before; all, where you may read no file with this content.",
        ge=0,
        examples=[5],
    )
    stored_bytes: int = Field(
        description="What those take on disk; as many as they are where you may read no file with this content.",
        ge=0,
        examples=[139],
    )
    path_normalised: bool = Field(default=False, description="Whether the name that was sent was not in NFC.")


class OutcomeAnswer(ResponseModel):
    """What came of a write."""

    model_config = ConfigDict(frozen=True)

    event_id: str = Field(examples=["e_01K9QGZ4T2V7M3N8R5XW6YABCD"])
    verdict: Literal["accepted", "unchanged", "refused"]
    reason: str = Field(default="", description="Of a refusal: a stable word.", examples=["condition-failed"])
    facts: dict[str, str | int | bool | None] = Field(
        default_factory=dict, examples=[{"file_id": "f_01K9QGZ4T2V7M3N8R5XW6YABCD", "version": 2}]
    )
    offset: int = Field(description="Where the event stands in its partition of the log.", ge=0, examples=[42])
