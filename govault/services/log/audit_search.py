"""Finding in the audit trail, the newest first, a bounded number of records at a time."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import NamedTuple

from govault.limits import AUDIT_RECORDS_PER_SEARCH_MAX
from govault.ports import LogReader, LogRecord
from govault.services.log.records import authentic_event
from schemas.events.records import RequestAudited
from schemas.topics import Topic

_PARTITION = 0
_WINDOW = 2_000


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What is looked for; empty and None: anything. ``action`` is a part of the route, ``until_ms`` is not included."""

    actor: str = ""
    action: str = ""
    outcome: str = ""
    code: str = ""
    subject: str = ""
    token_id: str = ""
    address: str = ""
    request_id: str = ""
    since_ms: int | None = None
    until_ms: int | None = None


class Audit(NamedTuple):
    """One entry."""

    offset: int
    time_ms: int
    actor: str
    noted: RequestAudited


class AuditPage(NamedTuple):
    """Entries, the newest first. ``before``: where the next page begins; None: there is no more."""

    items: list[Audit]
    before: int | None


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """Reads ``.audit`` from its end. Attributes: ``mac_key``: the vault's event key."""

    reader: LogReader
    mac_key: bytes

    async def find(self, query: AuditQuery, before: int | None, limit: int) -> AuditPage:
        """A page; it may hold less than ``limit`` and lead on, where few of many records match.

        Raises:
            EventLog: The log cannot be read.
        """
        begin, end = (await self.reader.bounds(Topic.AUDIT))[_PARTITION]
        if query.since_ms is not None:
            since = await self.reader.offset_at(Topic.AUDIT, _PARTITION, query.since_ms)
            begin = end if since is None else max(begin, since)
        if query.until_ms is not None:
            until = await self.reader.offset_at(Topic.AUDIT, _PARTITION, query.until_ms)
            end = end if until is None else min(end, until)
        stop = end if before is None else min(before, end)
        found: list[Audit] = []
        last = max(begin, stop - AUDIT_RECORDS_PER_SEARCH_MAX)
        while stop > last:
            start = max(last, stop - _WINDOW)
            for audit in reversed([one async for one in self._matching(query, start, stop)]):
                if len(found) == limit:
                    return AuditPage(found, found[-1].offset)
                found.append(audit)
            stop = start
        return AuditPage(found, stop if stop > begin else None)

    async def _matching(self, query: AuditQuery, start: int, stop: int) -> AsyncGenerator[Audit]:
        async with aclosing(self.reader.read(Topic.AUDIT, _PARTITION, start, stop)) as records:
            async for record in records:
                audit = self._decoded(record)
                if audit is not None and _matches(query, audit):
                    yield audit

    def _decoded(self, record: LogRecord) -> Audit | None:
        """An authentic entry; None for anything else."""
        event = authentic_event(record, self.mac_key)
        if event is None or not isinstance(event.data, RequestAudited):
            return None
        return Audit(record.position.offset, record.time_ms, event.actor, event.data)


def _matches(query: AuditQuery, audit: Audit) -> bool:
    noted = audit.noted
    pairs = (
        (query.actor, audit.actor),
        (query.outcome, noted.outcome),
        (query.code, noted.code),
        (query.subject, noted.subject),
        (query.token_id, noted.token_id),
        (query.address, noted.address),
        (query.request_id, noted.request_id),
    )
    return all(not wanted or wanted == actual for wanted, actual in pairs) and query.action in noted.action
