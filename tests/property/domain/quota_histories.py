"""Histories of people in spaces whose quotas change: rules 3, where the log decides what still fits."""

from govault.domain.rows import SpaceRow
from schemas.envelope import Event
from schemas.events import EventData
from schemas.events.files import Quota, RulesActivated, SpaceChanged, VersionCommitted
from tests.property.domain.access_histories import PEOPLE, ShareHistoryWriter
from tests.unit.domain.writing import event_of


class QuotaHistoryWriter(ShareHistoryWriter):
    """The same events as ever, most commits by an administrator; and quotas near what the spaces hold."""

    def next_event(self) -> Event:
        if self.offset > 0 and self.state.partition().rules == 2:
            return event_of(RulesActivated(rules=3), 3)
        event = super().next_event()
        if event.id in {known.id for _, _, known in self.log} or self.one_in(4):
            return event
        if isinstance(event.data, SpaceChanged | VersionCommitted):
            return event._replace(actor="admin", principals=PEOPLE["admin"])
        return event

    def next_data(self) -> EventData:
        return self.quota() if self.one_in(8) else super().next_data()

    def quota(self) -> EventData:
        spaces = self.state.rows(SpaceRow)
        totals = self.state.totals(self.rng.choice(spaces).space_id if spaces else self.space())
        near_bytes = max(0, totals.logical_bytes + self.rng.choice((-9, 0, 3, 10, 40)))
        near_files = max(0, totals.files + self.rng.choice((-1, 0, 1, 2, 5)))
        bounds = Quota(
            bytes_max=self.rng.choice((None, near_bytes, near_bytes)),
            files_max=self.rng.choice((None, near_files)),
        )
        return SpaceChanged(space_id=totals.space_id, quota=None if self.one_in(15) else bounds)
