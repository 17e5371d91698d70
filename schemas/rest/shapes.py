"""Shapes that every REST answer shares."""

from pydantic import BaseModel, ConfigDict, Field


class RequestModel(BaseModel):
    """A request's body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResponseModel(BaseModel):
    """A response's body."""

    model_config = ConfigDict(frozen=True)


class Problem(ResponseModel):
    """An RFC 9457 problem. Facts of the refusal (``rule``, ``etag``, ``files`` …) are further members."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = Field(description="Stable: `urn:govault:problem:<code>`.", examples=["urn:govault:problem:not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    code: str = Field(examples=["not-found"])
    detail: str = Field(default="", examples=["there is no such file or folder"])
    instance: str = Field(description="The request, as a URN.", examples=["urn:govault:request:9f86d081884c7d65"])
    request_id: str = Field(examples=["9f86d081884c7d65"])
    retryable: bool = Field(default=False, description="Whether the same request may succeed later.")


def whole(value: object) -> object:
    """JSON has one kind of number: 10.0 is a whole one; booleans and digits in quotes are none. For a validator."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise ValueError("not a number")
    return value
