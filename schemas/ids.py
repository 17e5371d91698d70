"""Identifiers: how each looks and how each is made. Pure: time and randomness are arguments.

A ULID is 128 bits as 26 Crockford base-32 characters (https://github.com/ulid/spec).
"""

import base64
import re
from hashlib import blake2b
from typing import NewType

VaultId = NewType("VaultId", str)
SpaceId = NewType("SpaceId", str)
EntityId = NewType("EntityId", str)
EventId = NewType("EventId", str)
NodeId = NewType("NodeId", str)
ChunkId = NewType("ChunkId", bytes)
PartId = NewType("PartId", bytes)

_FROM_BASE32HEX = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUV", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ")
_BODY = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
ENTITY_ID_PATTERN = rf"^f_{_BODY}$"
SPACE_ID_PATTERN = rf"^s_{_BODY}$"
EVENT_ID_PATTERN = rf"^e_{_BODY}$"
ACCOUNT_ID_PATTERN = rf"^a_{_BODY}$"
GROUP_ID_PATTERN = rf"^g_{_BODY}$"
TOKEN_ID_PATTERN = rf"^t_{_BODY}$"
SHARE_ID_PATTERN = rf"^l_{_BODY}$"
FILE_TOKEN_ID_PATTERN = rf"^k_{_BODY}$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
SPACE_NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"

_ENTITY_ID = re.compile(ENTITY_ID_PATTERN.strip("^$"))
_SPACE_ID = re.compile(SPACE_ID_PATTERN.strip("^$"))
_ACCOUNT_ID = re.compile(ACCOUNT_ID_PATTERN.strip("^$"))
_GROUP_ID = re.compile(GROUP_ID_PATTERN.strip("^$"))
_TOKEN_ID = re.compile(TOKEN_ID_PATTERN.strip("^$"))
_SHARE_ID = re.compile(SHARE_ID_PATTERN.strip("^$"))
_FILE_TOKEN_ID = re.compile(FILE_TOKEN_ID_PATTERN.strip("^$"))
_SHA256 = re.compile(SHA256_PATTERN.strip("^$"))
_SPACE_NAME = re.compile(SPACE_NAME_PATTERN.strip("^$"))


def crockford(raw: bytes) -> str:
    """26 characters for 16 bytes."""
    # 20 bytes are 32 digits of base32hex without padding; of those, the last 26 are ours in another alphabet.
    return base64.b32hexencode(bytes(4) + raw)[6:].translate(_FROM_BASE32HEX).decode()


def ulid(time_ms: int, randomness: bytes) -> str:
    """A ULID of a time in milliseconds and 10 random bytes."""
    return crockford(time_ms.to_bytes(6, "big") + randomness)


def new_entity_id(time_ms: int, randomness: bytes) -> EntityId:
    """A fresh file or folder id: ``f_`` + ULID."""
    return EntityId("f_" + ulid(time_ms, randomness))


def new_space_id(time_ms: int, randomness: bytes) -> SpaceId:
    """A fresh space id: ``s_`` + ULID. The root folder of a space is addressed by the space id itself."""
    return SpaceId("s_" + ulid(time_ms, randomness))


def new_event_id(time_ms: int, randomness: bytes) -> EventId:
    """A fresh event id: ``e_`` + ULID."""
    return EventId("e_" + ulid(time_ms, randomness))


def new_account_id(time_ms: int, randomness: bytes) -> str:
    """A fresh account id: ``a_`` + ULID."""
    return "a_" + ulid(time_ms, randomness)


def new_group_id(time_ms: int, randomness: bytes) -> str:
    """A fresh group id: ``g_`` + ULID."""
    return "g_" + ulid(time_ms, randomness)


def new_token_id(time_ms: int, randomness: bytes) -> str:
    """A fresh id of an API token: ``t_`` + ULID."""
    return "t_" + ulid(time_ms, randomness)


def new_share_id(time_ms: int, randomness: bytes) -> str:
    """A fresh id of a share link: ``l_`` + ULID."""
    return "l_" + ulid(time_ms, randomness)


def new_file_token_id(time_ms: int, randomness: bytes) -> str:
    """A fresh id of a file token: ``k_`` + ULID."""
    return "k_" + ulid(time_ms, randomness)


def event_id_for_key(actor: str, idempotency_key: str, step: str = "") -> EventId:
    """The event id that a request's Idempotency-Key gives: the same for every repeat by the same actor.

    Args:
        actor: Who asks; two actors never share a key.
        idempotency_key: The header's value.
        step: Which event of a request that makes several.
    """
    parts = [part.encode() for part in (actor, idempotency_key, step)]
    # Lengths in front, so that no other three words run together to the same bytes.
    material = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return EventId("e_" + crockford(blake2b(material, digest_size=16, person=b"govault-idem").digest()))


def derived_entity_id(event_id: EventId, index: int) -> EntityId:
    """The id of the ``index``-th folder that ``apply`` makes on the way for one event: the same on every node."""
    material = event_id.encode() + index.to_bytes(4, "big")
    return EntityId("f_" + crockford(blake2b(material, digest_size=16, person=b"govault-path").digest()))


def is_entity_id(text: str) -> bool:
    """Whether the text has the form of a file or folder id."""
    return _ENTITY_ID.fullmatch(text) is not None


def is_space_id(text: str) -> bool:
    """Whether the text has the form of a space id."""
    return _SPACE_ID.fullmatch(text) is not None


def is_account_id(text: str) -> bool:
    """Whether the text has the form of an account id."""
    return _ACCOUNT_ID.fullmatch(text) is not None


def is_group_id(text: str) -> bool:
    """Whether the text has the form of a group id."""
    return _GROUP_ID.fullmatch(text) is not None


def is_token_id(text: str) -> bool:
    """Whether the text has the form of an API token's id."""
    return _TOKEN_ID.fullmatch(text) is not None


def is_share_id(text: str) -> bool:
    """Whether the text has the form of a share link's id."""
    return _SHARE_ID.fullmatch(text) is not None


def is_file_token_id(text: str) -> bool:
    """Whether the text has the form of a file token's id."""
    return _FILE_TOKEN_ID.fullmatch(text) is not None


def is_sha256(text: str) -> bool:
    """Whether the text has the form of a content hash."""
    return _SHA256.fullmatch(text) is not None


def is_space_name(text: str) -> bool:
    """Whether the text may name a space."""
    return _SPACE_NAME.fullmatch(text) is not None
