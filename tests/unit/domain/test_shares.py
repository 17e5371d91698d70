"""Share links in ``apply``: who makes them, what they let happen in the log, when they end."""

from typing import Any

from govault.domain.access import Level, level_at
from govault.limits import SHARES_PER_TARGET_MAX
from schemas.events import EventData
from schemas.events.access import AccessGranted, OwnerChanged
from schemas.events.files import FolderMade, MetadataChanged, RulesActivated, VersionCommitted
from schemas.events.shares import ShareCreated, ShareRevoked, ShareUsed
from schemas.ids import new_share_id, ulid
from tests.unit.domain.writing import SPACE, STEP_MS, Writer, content_of

OWNER, READER = ("a_" + ulid(number, b"account---") for number in range(2))


def link_id(number: int) -> str:
    return new_share_id(number, b"share-----")


class Sharing(Writer):
    """A partition under rules 2 with a folder ``in`` and a file ``plan``, both of an account."""

    def __init__(self) -> None:
        super().__init__()
        self.write(RulesActivated(rules=2))
        self.mkdir("in")
        self.put("plan", b"plan")
        self.folder, self.plan = self.id_at("in"), self.id_at("plan")
        for entity_id in (self.folder, self.plan):
            assert self.write(OwnerChanged(space_id=SPACE, entity_id=entity_id, owner=OWNER)).reason == ""
        self.write(AccessGranted(space_id=SPACE, target_id=self.plan, principal=READER, level="read"))

    def share(self, target_id: str, number: int = 1, actor: str = OWNER, **wish: Any) -> str:
        wish = {"mode": "read", "secret_hash": f"{number:064x}", **wish}
        data = ShareCreated(space_id=SPACE, target_id=target_id, share_id=link_id(number), **wish)
        return self.by(actor, data)

    def by(self, actor: str, data: EventData) -> str:
        """Why it was refused; empty where it was not."""
        return self.write(data, actor=actor, principals=(actor, "users")).reason

    def by_link(self, data: EventData, number: int = 1) -> str:
        principal = f"share:{link_id(number)}"
        return self.write(data, actor=principal, principals=(principal,)).reason

    def used(self, target_id: str, number: int = 1) -> str:
        return self.by_link(ShareUsed(space_id=SPACE, target_id=target_id, share_id=link_id(number)), number)

    def drop(self, path: str, number: int = 1, **fields: Any) -> str:
        data = VersionCommitted(
            space_id=SPACE,
            path=path,
            new_file_id=self.new_id(),
            content=content_of(b"dropped"),
            epoch=self.state.partition().epoch,
            **fields,
        )
        return self.by_link(data, number)

    def links(self, target_id: str) -> list[str]:
        row = self.state.shares(target_id)
        return [] if row is None else [share.share_id for share in row.shares]


def test_who_owns_it_shares_it_and_nobody_else() -> None:
    writer = Sharing()
    assert writer.share(writer.plan, actor=READER) == "access-denied"
    assert writer.share(writer.folder, actor=READER) == "entity-unknown"
    assert writer.share(writer.plan) == ""
    assert writer.share(writer.plan) == "event-invalid"
    assert writer.links(writer.plan) == [link_id(1)]
    revoked = ShareRevoked(space_id=SPACE, target_id=writer.plan, share_id=link_id(1))
    assert writer.by(READER, revoked) == "access-denied"
    assert writer.by(OWNER, revoked) == ""
    assert writer.links(writer.plan) == []
    row = writer.state.access(writer.plan)
    assert row is not None
    assert [principal for principal, _ in row.grants] == [READER]


def test_a_link_that_reads_reads_what_it_leads_to_and_writes_nothing() -> None:
    writer = Sharing()
    writer.share(writer.folder)
    principal = f"share:{link_id(1)}"
    files = writer.state
    folder, plan = writer.row(writer.folder), writer.row(writer.plan)
    assert level_at(files, SPACE, folder, principal, (principal,)) is Level.READ
    assert level_at(files, SPACE, plan, principal, (principal,)) is Level.NONE
    assert writer.drop("in/new") == "access-denied"
    assert writer.by_link(MetadataChanged(space_id=SPACE, entity_id=writer.plan)) == "access-denied"
    assert writer.by_link(FolderMade(space_id=SPACE, path="in/sub")) == "access-denied"


def test_a_link_that_takes_uploads_takes_new_files_below_its_folder_only() -> None:
    writer = Sharing()
    assert writer.share(writer.plan, mode="upload") == "not-a-folder"
    assert writer.share(writer.folder, mode="upload") == ""
    assert writer.drop("in/deep/new") == ""
    assert writer.drop("in/deep/new") == "access-denied"
    assert writer.drop("elsewhere") == "access-denied"
    assert writer.drop("plan") == "access-denied"
    assert writer.drop("in/by-another", number=2) == "access-denied"
    assert writer.row(writer.id_at("in/deep/new")).owner == ""
    principal = f"share:{link_id(1)}"
    assert level_at(writer.state, SPACE, writer.row(writer.folder), principal, (principal,)) is Level.NONE


def test_what_comes_by_a_link_belongs_to_whom_the_folder_or_the_nearest_above_belongs_from_rules_4_on() -> None:
    writer = Sharing()
    for path in ("in/nobodys", "in/readers", "free"):
        writer.mkdir(path)
    readers, free = writer.id_at("in/readers"), writer.id_at("free")
    writer.write(OwnerChanged(space_id=SPACE, entity_id=readers, owner=READER))
    writer.share(writer.folder, mode="upload")
    writer.share(free, 2, actor="admin", mode="upload")
    assert writer.drop("in/before") == ""
    writer.write(RulesActivated(rules=3))
    writer.write(RulesActivated(rules=4))
    for path in ("in/new", "in/nobodys/made/new", "in/readers/new"):
        assert writer.drop(path) == ""
    assert writer.drop("free/new", number=2) == ""
    owners = {path: writer.row(writer.id_at(path)).owner for path in (
        "in/before", "in/new", "in/nobodys/made", "in/nobodys/made/new", "in/readers/new", "free/new",
    )}  # fmt: skip
    assert owners == {
        "in/before": "",
        "in/new": OWNER,
        "in/nobodys/made": OWNER,
        "in/nobodys/made/new": OWNER,
        "in/readers/new": READER,
        "free/new": "",
    }
    assert writer.state.owned(OWNER).files == 3


def test_uses_and_times_are_decided_by_the_log() -> None:
    writer = Sharing()
    writer.share(writer.plan, uses_max=2)
    writer.share(writer.folder, 2, mode="upload", expires_ms=writer.now_ms + 2 * STEP_MS)
    assert [writer.used(writer.plan) for _ in range(3)] == ["", "", "share-closed"]
    assert writer.used(writer.folder, 2) == "share-closed"
    assert writer.drop("in/late", number=2) == "access-denied"
    assert writer.by_link(ShareUsed(space_id=SPACE, target_id=writer.plan, share_id=link_id(1)), 2) == "access-denied"


def test_links_that_open_nothing_make_room_and_there_is_a_bound() -> None:
    writer = Sharing()
    for number in range(SHARES_PER_TARGET_MAX):
        assert writer.share(writer.plan, number, uses_max=1) == ""
    assert writer.share(writer.plan, 1000) == "too-many-shares"
    assert writer.used(writer.plan, 7) == ""
    assert writer.share(writer.plan, 1000) == ""
    assert link_id(7) not in writer.links(writer.plan)
    row = writer.state.access(writer.plan)
    assert row is not None
    assert f"share:{link_id(7)}" not in {principal for principal, _ in row.grants}


def test_a_purge_takes_the_links_along() -> None:
    writer = Sharing()
    writer.share(writer.plan)
    writer.trash(writer.plan)
    assert writer.links(writer.plan) == [link_id(1)]
    writer.purge(writer.plan)
    assert writer.used(writer.plan) == "share-closed"
    assert writer.state.shares(writer.plan) is None
    assert writer.state.access(writer.plan) is None


def test_under_older_rules_nothing_is_shared() -> None:
    writer = Writer()
    writer.put("plan", b"plan")
    data = ShareCreated(
        space_id=SPACE, target_id=writer.id_at("plan"), share_id=link_id(1), mode="read", secret_hash="0" * 64
    )
    assert writer.write(data).reason == "event-invalid"
