"""Every event type that was ever shipped, by its CloudEvents type."""

from typing import get_args

from schemas.events.accounts import AccountsEvent
from schemas.events.base import EventData
from schemas.events.directory import DirectoryEvent
from schemas.events.files import FilesEvent
from schemas.events.peers import PeersEvent
from schemas.events.records import CheckpointSigned, HeartbeatSent, ReplicasReported, RequestAudited
from schemas.events.sessions import SessionsEvent

EVENT_TYPES: dict[str, type[EventData]] = {
    cls.TYPE: cls
    for cls in (
        *get_args(FilesEvent),
        *get_args(DirectoryEvent),
        *get_args(PeersEvent),
        *get_args(AccountsEvent),
        *get_args(SessionsEvent),
        CheckpointSigned,
        RequestAudited,
        HeartbeatSent,
        ReplicasReported,
    )
}

__all__ = ["EVENT_TYPES", "AccountsEvent", "DirectoryEvent", "EventData", "FilesEvent", "PeersEvent", "SessionsEvent"]
