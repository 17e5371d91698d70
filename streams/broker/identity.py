"""Who this log is: made once, never changed, so that a client can tell a log that was replaced."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from typing import Final

from streams.broker.disk import Disk, read_file, replace_file
from streams.broker.failures import LogDamaged, LogTooNew

PATH: Final = "log.json"
FORMAT: Final = 1


@dataclass(slots=True, frozen=True)
class Identity:
    """The log's identity."""

    cluster_id: str
    """22 characters, as Kafka prints a UUID."""
    generation: int
    """The log's own number, answered as the cluster's and kept for ever; see DESIGN, 'position'."""
    format: int


def load_or_make_identity(disk: Disk) -> Identity:
    """The stored identity; a new one for an empty folder.

    Raises:
        LogDamaged: the folder has a log but no identity.
        LogTooNew: the folder's format is newer than this program.
    """
    content = read_file(disk, PATH)
    if content is None:
        if disk.exists("topics.json") or disk.exists("checkpoint"):
            raise LogDamaged(f"the log folder has topics but no {PATH}: restore it from a backup")
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        identity = Identity(cluster_id, 1, FORMAT)
        row = {"cluster_id": cluster_id, "generation": identity.generation, "format": FORMAT}
        replace_file(disk, PATH, json.dumps(row).encode())
        return identity
    row = json.loads(content)
    if row["format"] > FORMAT:
        raise LogTooNew(f"the log folder has format {row['format']}; this version reads up to {FORMAT}")
    return Identity(row["cluster_id"], row["generation"], row["format"])
