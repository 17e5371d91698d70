"""Histories of people who grant, revoke, own and try: rules 2, where the log decides who may."""

from govault.domain.access import ENTITY_LEVELS, SPACE_ROLES
from schemas.envelope import Event
from schemas.events import EventData
from schemas.events.access import AccessGranted, AccessRevoked, OwnerChanged
from schemas.events.files import RulesActivated, SpaceOpened
from schemas.ids import ulid
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
