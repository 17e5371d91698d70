"""For each event type one record with every field given, and one with only what is required.

They become golden files once, by ``python -m tests.golden.schemas.record``; a shipped file is never written again. A
new optional field gets a new example under a new name, beside the old ones.
"""

import hashlib

from schemas.events import EventData
from schemas.events.access import AccessGranted, AccessRevoked, OwnerChanged
from schemas.events.accounts import (
    AccountChanged,
    AccountCreated,
    AccountErased,
    AccountQuota,
    ApiTokenIssued,
    ApiTokenRevoked,
    GroupChanged,
    GroupCreated,
    GroupMembersChanged,
    GroupRemoved,
    InviteIssued,
    InviteRevoked,
    PasswordChanged,
    SessionsEnded,
    SigningKeyOpened,
)
from schemas.events.directory import SpaceCreated, SpaceRemoved
from schemas.events.files import (
    Base,
    Content,
    EntityRestored,
    EntityTrashed,
    EntryMoved,
    EpochOpened,
    FolderMade,
    ManifestPartsAdded,
    MetadataChanged,
    Origin,
    PartsReleased,
    Quota,
    Replication,
    Retention,
    RulesActivated,
    SpaceChanged,
    SpaceClosed,
    SpaceOpened,
    TrashPurged,
    VersionCommitted,
    VersionsPruned,
)
from schemas.events.peers import (
    JoinTokenIssued,
    JoinTokenRevoked,
    LayoutChanged,
    LayoutReached,
    NodeAdmitted,
    NodeChanged,
    NodeMoved,
    NodeRecovered,
    NodeRemoved,
    NodeStarted,
    NodeSuspected,
    SealingRootOpened,
)
from schemas.events.records import (
    CheckpointSigned,
    HeartbeatSent,
    LinkMeasured,
    PartitionDigest,
    ReplicasReported,
    RequestAudited,
)
from schemas.events.sessions import SessionEnded, SessionOpened, SessionRefreshed
from schemas.events.shares import ShareCreated, ShareRevoked, ShareUsed

S = "s_01HF7YAT00DC9XRR3SDYCM8ZZZ"
F = "f_01HF7YAT00DC9XRR3SDYCM8AAA"
G = "f_01HF7YAT00DC9XRR3SDYCM8BBB"
A = "a_01HF7YAT00DC9XRR3SDYCM8AAA"
OTHER_A = "a_01HF7YAT00DC9XRR3SDYCM8BBB"
TEAM = "g_01HF7YAT00DC9XRR3SDYCM8CCC"
LINK = "l_01HF7YAT00DC9XRR3SDYCM8EEE"
SESSION = "0f8c1a5e2b7d4c93a6e1f0b2d3c4a5b6"
TOKEN = "t_01HF7YAT00DC9XRR3SDYCM8DDD"
FILE_TOKEN = "k_01HF7YAT00DC9XRR3SDYCM8FFF"
SEALED = "c2VhbGVk"
HASH = hashlib.sha256(b"golden").hexdigest()
OTHER_HASH = hashlib.sha256(b"other").hexdigest()
KEY = bytes(range(32))
NODE = hashlib.sha256(KEY).hexdigest()
# 32 bytes of 0x01 and the size 6; base64 of 36 bytes.
RUN = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEAAAAG"

JOINED = NodeAdmitted(node_id=NODE, public_key=KEY.hex(), name="attic", zone="home", weight=2, token_hash=HASH)
"""An admission by token, of when tokens came."""

FULL: tuple[EventData, ...] = (
    SpaceOpened(
        space_id=S,
        name="main",
        retention=Retention(keep_last=10, keep_within_s=86400, trash_expires_after_s=2592000),
        description="Everything",
    ),
    SpaceChanged(space_id=S, base_revision=3, retention=Retention(keep_last=5), description="Less"),
    SpaceClosed(space_id=S, force=True),
    ManifestPartsAdded(space_id=S, parts=(RUN, RUN + RUN), epoch=7),
    PartsReleased(space_id=S, part_ids=(HASH, OTHER_HASH)),
    VersionCommitted(
        space_id=S,
        path="Fotos/Zürich 2024/été.jpg",
        file_id=F,
        new_file_id=G,
        base=Base(file_id=F, version=2),
        condition="match",
        match_sha256=(HASH, OTHER_HASH),
        content=Content(
            sha256=HASH,
            size_bytes=6,
            inline_manifest=RUN,
            parts=(OTHER_HASH,),
            kind="symlink",
            executable=True,
            mtime_ns=1_700_000_000_123_456_789,
            media_type="image/jpeg",
        ),
        epoch=7,
        original_name="IMG_0001.JPG",
        tags=("summer", "été"),
        description="A day out",
        origin=Origin(how="copy", file_id=G, version=4),
    ),
    FolderMade(space_id=S, path="a/b/c"),
    EntryMoved(space_id=S, entity_id=F, to_path="b/f", replace=True, match_sha256=(HASH,)),
    EntityTrashed(space_id=S, entity_id=F, match_sha256=(HASH,)),
    EntityRestored(space_id=S, entity_id=F, to_path="back/f", replace=True),
    TrashPurged(space_id=S, entity_ids=(F, G), reason="expired"),
    MetadataChanged(
        space_id=S,
        entity_id=F,
        base_revision=1,
        tags=("a", "b"),
        add_tags=("c",),
        remove_tags=("d",),
        description="Said",
        media_type="text/plain",
    ),
    VersionsPruned(space_id=S, file_id=F, versions=(1, 2), reason="retention"),
    EpochOpened(epoch=8),
    RulesActivated(rules=1),
    AccessGranted(space_id=S, target_id=F, principal=A, level="write", base_revision=3),
    AccessRevoked(space_id=S, target_id=S, principal=TEAM, base_revision=4),
    OwnerChanged(space_id=S, entity_id=F, owner=OTHER_A, base_revision=5),
    SpaceCreated(space_id=S, name="main", partition=3),
    SpaceRemoved(space_id=S),
    NodeAdmitted(node_id=NODE, public_key=KEY.hex(), name="attic", zone="home", weight=2),
    NodeStarted(node_id=NODE, version="0.1.0", addresses=("192.0.2.1:7000", "[2001:db8::1]:7000")),
    CheckpointSigned(
        node_id=NODE,
        digests=(PartitionDigest(topic="files", partition=3, offset=41, history="ab" * 32, view="cd" * 32),),
        signature="ef" * 64,
    ),
    RequestAudited(
        action="DELETE /files/{ref}",
        outcome="refused",
        code="access-denied",
        request_id="r-1",
        address="192.0.2.9",
        subject=F,
    ),
    JoinTokenIssued(token_hash=HASH, expires_ms=1_700_000_600_000, name="attic", zone="home", weight=3),
    JoinTokenRevoked(token_hash=HASH),
    NodeChanged(node_id=NODE, name="loft", zone="roof", weight=4, draining=True),
    NodeMoved(node_id=NODE, addresses=("https://192.0.2.1:8080",), peer_addresses=("192.0.2.1:7946",)),
    NodeSuspected(node_id=NODE, incarnation=3, witness=OTHER_HASH, silence_ms=9000),
    NodeRecovered(node_id=NODE, incarnation=4),
    NodeRemoved(node_id=NODE),
    LayoutChanged(base_version=1, replicas=3, write_quorum=2, node_ids=(NODE, OTHER_HASH), table="eJwDAAAAAAE="),
    LayoutReached(node_id=NODE, version=2),
    SealingRootOpened(epoch=2, wrapped="d3JhcHBlZA=="),
    HeartbeatSent(
        node_id=NODE,
        incarnation=3,
        capacity_bytes=10**12,
        free_bytes=10**11,
        stored_bytes=10**10,
        chunks=40_000,
        repair_backlog=7,
        applied=(("files", 3, 41), ("peers", 0, 9)),
        links=(LinkMeasured(peer=OTHER_HASH, latency_ms=0.7, bandwidth_bytes_s=10**8, score=0.9),),
    ),
    ReplicasReported(node_id=NODE, lost=2, repaired=1, repaired_bytes=4096, removed=3, damaged=(HASH,)),
    AccountCreated(
        account_id=A,
        kind="service",
        login_hash=HASH,
        sealed=SEALED,
        verifier=SEALED,
        roles=("admin",),
        must_change=True,
        invite_hash=OTHER_HASH,
    ),
    AccountChanged(account_id=A, base_revision=3, login_hash=HASH, sealed=SEALED, roles=("admin",), disabled=True),
    PasswordChanged(account_id=A, base_revision=3, verifier=SEALED, must_change=True, ends_sessions=False),
    SessionsEnded(account_id=A),
    AccountErased(account_id=A),
    GroupCreated(group_id=TEAM, name="team", description="Us"),
    GroupChanged(group_id=TEAM, base_revision=1, name="crew", description="Them"),
    GroupRemoved(group_id=TEAM),
    GroupMembersChanged(group_id=TEAM, members=(A,), managers=(OTHER_A,), removed=(A, OTHER_A)),
    ApiTokenIssued(
        token_id=TOKEN,
        account_id=A,
        name="ci",
        secret_hash=HASH,
        scopes=("read", "write"),
        expires_ms=1_800_000_000_000,
    ),
    ApiTokenRevoked(token_id=TOKEN),
    InviteIssued(invite_hash=HASH, roles=("admin",), expires_ms=1_800_000_000_000),
    InviteRevoked(invite_hash=HASH),
    SigningKeyOpened(number=2),
    SessionOpened(session_id=SESSION, account_id=A, refresh_hash=HASH, expires_ms=1_800_000_000_000),
    SessionRefreshed(session_id=SESSION, account_id=A, from_hash=HASH, to_hash=OTHER_HASH),
    SessionEnded(session_id=SESSION, account_id=A, reason="revoked"),
    ShareCreated(
        space_id=S,
        target_id=F,
        share_id=LINK,
        mode="upload",
        secret_hash=HASH,
        verifier="$argon2id$...",
        expires_ms=1_800_000_000_000,
        uses_max=3,
        name="for the printer",
    ),
    ShareRevoked(space_id=S, target_id=F, share_id=LINK),
    ShareUsed(space_id=S, target_id=F, share_id=LINK),
)

MINIMAL: tuple[EventData, ...] = (
    AccessGranted(space_id=S, target_id=S, principal="users", level="viewer"),
    AccessRevoked(space_id=S, target_id=F, principal="public"),
    OwnerChanged(space_id=S, entity_id=F, owner=A),
    SpaceOpened(space_id=S, name="main"),
    SpaceChanged(space_id=S),
    SpaceClosed(space_id=S),
    VersionCommitted(space_id=S, new_file_id=G, content=Content(sha256=HASH, size_bytes=0), epoch=0),
    EntryMoved(space_id=S, entity_id=F, to_path="b"),
    EntityTrashed(space_id=S, entity_id=F),
    EntityRestored(space_id=S, entity_id=F),
    TrashPurged(space_id=S, entity_ids=(F,)),
    MetadataChanged(space_id=S, entity_id=F),
    VersionsPruned(space_id=S, file_id=F, versions=(1,)),
    NodeAdmitted(node_id=NODE, public_key=KEY.hex(), name="attic"),
    NodeStarted(node_id=NODE, version="0.1.0"),
    CheckpointSigned(node_id=NODE, digests=(), signature=""),
    RequestAudited(action="GET /files", outcome="allowed"),
    JoinTokenIssued(token_hash=HASH, expires_ms=1_700_000_600_000),
    NodeChanged(node_id=NODE),
    HeartbeatSent(node_id=NODE, incarnation=1),
    ReplicasReported(node_id=NODE),
    AccountCreated(account_id=A, login_hash=HASH, sealed=SEALED),
    AccountChanged(account_id=A),
    PasswordChanged(account_id=A, verifier=SEALED),
    GroupCreated(group_id=TEAM, name="team"),
    GroupChanged(group_id=TEAM),
    GroupMembersChanged(group_id=TEAM),
    ApiTokenIssued(token_id=TOKEN, account_id=A, name="ci", secret_hash=HASH, scopes=("admin",)),
    InviteIssued(invite_hash=HASH, expires_ms=1_800_000_000_000),
    SessionEnded(session_id=SESSION, account_id=A),
    ShareCreated(space_id=S, target_id=F, share_id=LINK, mode="read", secret_hash=HASH),
)

EXAMPLES: dict[type[EventData], EventData] = {type(data): data for data in FULL}
NAMED: dict[str, EventData] = {
    **{f"{data.TYPE}.full": data for data in FULL},
    **{f"{data.TYPE}.minimal": data for data in MINIMAL},
    f"{JOINED.TYPE}.by_token": JOINED,
    f"{SpaceOpened.TYPE}.with_replication": SpaceOpened(
        space_id=S, name="main", replication=Replication(replicas=5, write_quorum=3)
    ),
    f"{SpaceChanged.TYPE}.with_replication": SpaceChanged(space_id=S, replication=Replication(replicas=2)),
    f"{SpaceOpened.TYPE}.with_quota": SpaceOpened(space_id=S, name="main", quota=Quota(files_max=1000)),
    f"{SpaceChanged.TYPE}.with_quota": SpaceChanged(space_id=S, quota=Quota(bytes_max=2**40, files_max=0)),
    f"{LayoutChanged.TYPE}.with_weights": LayoutChanged(
        base_version=1,
        replicas=3,
        write_quorum=2,
        node_ids=(NODE, OTHER_HASH),
        table="eJwDAAAAAAE=",
        weights=(1, 4),
        zones=("", "attic"),
    ),
    f"{NodeStarted.TYPE}.with_peer_addresses": NodeStarted(
        node_id=NODE, version="0.2.0", addresses=("http://192.0.2.1:8080",), peer_addresses=("192.0.2.1:7946",)
    ),
    f"{NodeStarted.TYPE}.with_rules": NodeStarted(node_id=NODE, version="0.3.0", rules=2),
    f"{RequestAudited.TYPE}.with_token": RequestAudited(
        action="GET /content/{token}", outcome="allowed", subject=F, token_id=FILE_TOKEN
    ),
    f"{AccountCreated.TYPE}.with_identity": AccountCreated(
        account_id=A, login_hash=HASH, sealed=SEALED, identity_hash=OTHER_HASH
    ),
    f"{AccountCreated.TYPE}.with_quota": AccountCreated(
        account_id=A, login_hash=HASH, sealed=SEALED, quota=AccountQuota(bytes_max=2**40)
    ),
    f"{AccountChanged.TYPE}.with_quota": AccountChanged(account_id=A, quota=AccountQuota(files_max=1000)),
    f"{AccountChanged.TYPE}.with_identity": AccountChanged(account_id=A, identity_hash=OTHER_HASH),
    f"{AccountChanged.TYPE}.without_identity": AccountChanged(account_id=A, identity_hash=""),
}
