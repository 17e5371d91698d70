"""Histories of people who grant, revoke, own and try: rules 2, where the log decides who may."""

from govault.domain.access import ENTITY_LEVELS, SPACE_ROLES
from govault.domain.rows import SharesRow
from schemas.envelope import Event
from schemas.events import EventData
from schemas.events.access import AccessGranted, AccessRevoked, OwnerChanged
from schemas.events.files import RulesActivated, SpaceOpened
from schemas.events.shares import ShareCreated, ShareRevoked, ShareUsed
from schemas.ids import new_share_id, ulid
from tests.property.domain.histories import HistoryWriter
from tests.unit.domain.writing import SPACE, event_of

ANN, BOB, CAT = ("a_" + ulid(number, b"account---") for number in range(3))
TEAM = "g_" + ulid(1, b"group-----")
PEOPLE: dict[str, tuple[str, ...]] = {
    "admin": ("admin", "role:admin"),
    "system:test": (),
    ANN: (ANN, "users"),
    BOB: (BOB, TEAM, "users"),
    CAT: (CAT, "users"),
    "anonymous": ("public",),
}
SHARE = b"share-----"
PRINCIPALS = (ANN, BOB, CAT, TEAM, "users", "public", "somebody")


class AccessHistoryWriter(HistoryWriter):
    """The same events as ever by different people, and those of access between them."""

    def next_event(self) -> Event:
        if self.offset <= 0:
            return event_of(SpaceOpened(space_id=SPACE, name="main"), 1)
        if self.state.partition().rules == 1:
            return event_of(RulesActivated(rules=2), 2)
        event = super().next_event()
        if event.id in {known.id for _, _, known in self.log}:
            return event
        actor = self.rng.choice(list(PEOPLE))
        return event._replace(actor=actor, principals=PEOPLE[actor])

    def next_data(self) -> EventData:
        return self.access() if self.one_in(3) else super().next_data()

    def access(self) -> EventData:
        entity = self.an_entity()
        space_id = self.space(entity)
        target = space_id if entity is None or self.one_in(6) else entity.entity_id
        base = self.rng.choice((None, None, None, None, None, 0, 1))
        principal = self.rng.choice(PRINCIPALS)
        if self.one_in(4):
            return AccessRevoked(space_id=space_id, target_id=target, principal=principal, base_revision=base)
        if entity is not None and self.one_in(4):
            owner = self.rng.choice((ANN, BOB, CAT, TEAM))
            return OwnerChanged(space_id=space_id, entity_id=entity.entity_id, owner=owner, base_revision=base)
        words = SPACE_ROLES if (target == space_id) != self.one_in(15) else ENTITY_LEVELS
        level = self.rng.choice(list(words))
        return AccessGranted.model_validate(
            {"space_id": space_id, "target_id": target, "principal": principal, "level": level, "base_revision": base}
        )


class ShareHistoryWriter(AccessHistoryWriter):
    """The same, and links between them; half of those by an administrator, so that many are made."""

    def next_event(self) -> Event:
        event = super().next_event()
        of_links = isinstance(event.data, ShareCreated | ShareRevoked | ShareUsed)
        if not of_links or self.one_in(2) or event.id in {known.id for _, _, known in self.log}:
            return event
        return event._replace(actor="admin", principals=PEOPLE["admin"])

    def access(self) -> EventData:
        entity = self.an_entity()
        if entity is None or not self.one_in(2):
            return super().access()
        return self.share(entity.space_id, entity.entity_id)

    def share(self, space_id: str, target_id: str) -> EventData:
        place = {"space_id": space_id, "target_id": target_id, "share_id": new_share_id(self.rng.randrange(20), SHARE)}
        kind = self.rng.choice((ShareCreated, ShareCreated, ShareUsed, ShareRevoked))
        if kind is not ShareCreated:
            known = [row for row in self.state.rows(SharesRow) if row.shares]
            if known and not self.one_in(5):
                row = self.rng.choice(known)
                share_id = self.rng.choice(row.shares).share_id
                place = {"space_id": row.space_id, "target_id": row.target_id, "share_id": share_id}
            return kind.model_validate(place)
        wish = {"mode": self.rng.choice(("read", "upload")), "secret_hash": "ab" * 32}
        bounds = {"uses_max": self.rng.choice((None, 1, 2)), "expires_ms": self.rng.choice((None, self.now_ms + 9000))}
        return kind.model_validate(place | wish | bounds)
