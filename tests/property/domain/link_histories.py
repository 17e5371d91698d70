"""Histories in which files come by upload links too: rules 4, where those belong to whoever owns the folder."""

from govault.domain.rows import SharesRow
from schemas.envelope import Event
from schemas.events.files import RulesActivated, VersionCommitted
from schemas.events.shares import ShareCreated
from tests.property.domain.quota_histories import QuotaHistoryWriter
from tests.unit.domain.writing import event_of


class LinkHistoryWriter(QuotaHistoryWriter):
    """The same events as ever, more links that take uploads, and new files by them."""

    def next_event(self) -> Event:
        if self.offset > 0 and self.state.partition().rules == 3:
            return event_of(RulesActivated(rules=4), 4)
        event = super().next_event()
        if event.id in {known.id for _, _, known in self.log}:
            return event
        data = event.data
        if isinstance(data, ShareCreated) and self.one_in(2):
            return event._replace(data=data.model_copy(update={"mode": "upload", "expires_ms": None}))
        if not isinstance(data, VersionCommitted) or data.path is None or self.one_in(2):
            return event
        links = [
            (row, one.share_id)
            for row in self.state.rows(SharesRow)
            for one in row.shares
            if one.mode == "upload" and row.space_id == data.space_id
        ]
        if not links:
            return event
        row, share_id = self.rng.choice(links)
        folder = self.path_to(row.target_id)
        principal = f"share:{share_id}"
        dropped = data.model_copy(update={"path": f"{folder}/{data.path}", "condition": "any"})
        return event._replace(data=dropped, actor=principal, principals=(principal,))

    def path_to(self, entity_id: str) -> str:
        """Where an entity is, or was when it was trashed."""
        names: list[str] = []
        entity = self.state.entity(entity_id)
        while entity is not None:
            names.append(entity.name)
            entity = self.state.entity(entity.parent_id)
        return "/".join(reversed(names))
