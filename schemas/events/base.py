"""What every event's data has in common."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from schemas.topics import Topic


class EventData(BaseModel):
    """The ``data`` of one event. Frozen; unknown fields are ignored, because schemas only grow.

    Class attributes:
        TYPE: The CloudEvents type, ``govault.<topic>.<name>.v<major>``.
        TOPIC: The topic it is written to.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_bytes="base64", val_json_bytes="base64")

    TYPE: ClassVar[str]
    TOPIC: ClassVar[Topic]
