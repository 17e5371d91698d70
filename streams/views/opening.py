"""Opening the views folder, and judging whether the log is the one that they were folded from.

Views are disposable: what cannot be read, or was written by another format, is put aside and folded again. What hints
at a wrong or shortened log is refused, because folding on would hide it.
"""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from govault.errors import EventLog
from schemas.codec import Macs, MalformedEvent, UnknownEventType
from schemas.topics import Topic
from streams.records import Record, event_of
from streams.views.bulk import BulkReader, Place
from streams.views.database import DamagedViews
from streams.views.generation import Generation, StaleFormat, VaultIdentity
from streams.views.generations import GenerationsFolder

_log = logging.getLogger(__name__)

FIRST_RECORDS_TRIED = 100
_FIRST: Place = (Topic.PEERS, 0)

Fill = Callable[[Path], Awaitable[bool]]


async def open_serving(folder: GenerationsFolder, vault: VaultIdentity, fill: Fill) -> Generation:
    """The generation that serves, a new one where there is none that can.

    Args:
        fill: Folds the log into a generation that does not exist yet, or leaves that to whoever follows the log.

    Raises:
        Config: The views are another vault's, or in use.
        EventLog: The log cannot be read.
    """
    path = folder.serving()
    if path is not None:
        try:
            return Generation(path, vault)
        except StaleFormat as reason:
            _log.warning("the views are folded again from the log: %s", reason)
        except DamagedViews as reason:
            _log.warning("the views are damaged and are folded again from the log: %s", reason)
    fresh = folder.fresh()
    try:
        await fill(fresh)
        generation = Generation(fresh, vault)
    except BaseException:
        folder.remove(fresh)
        raise
    folder.choose(fresh)
    if path is not None:
        folder.remove(path)
    return generation


async def check_log(reader: BulkReader, generation: Generation) -> None:
    """Refuse a log that cannot be the one these views were folded from.

    Raises:
        EventLog: It ends before the views' position, lacks records behind it, or has another record there.
    """
    bounds = await reader.bounds(list(generation.folds))
    last_applied: dict[Place, int] = {}
    for place, fold in generation.folds.items():
        first, end = bounds[place]
        name = f"{place[0].value}/{place[1]}"
        if fold.applied >= end:
            raise EventLog(
                f"the log of {name} ends at {end}, but the views in {generation.path} have applied {fold.applied}: the "
                "log is older than the views, or it is another vault's. Connect to the right log. If the log was "
                "restored from a backup on purpose, remove the views folder: what came after the backup is lost",
                code="event-log.older-than-views",
            )
        if first > fold.applied + 1:
            raise EventLog(
                f"the log of {name} begins at {first}, but it is kept for ever and the views need record "
                f"{fold.applied + 1}: restore the log from a backup (`govault recover`)",
                code="event-log.gap",
            )
        if fold.applied >= first:
            last_applied[place] = fold.applied
    async for place, records in reader.read(last_applied, {at: offset + 1 for at, offset in last_applied.items()}):
        chain = generation.folds[place].chain
        if chain.hash_of(records[0]) != chain.last_record:
            raise EventLog(
                f"the record {records[0].position} is not the one that the views applied: the log was replaced or "
                "rewritten. Connect to the right log, or restore it from a backup (`govault recover`)",
                code="event-log.replaced",
            )


async def refuse_foreign(reader: BulkReader, vault: VaultIdentity) -> None:
    """Refuse a log that holds another vault's events: every vault begins with the admission of its first node.

    Folding alone would not notice: it skips every record that this vault's key did not sign.

    Raises:
        EventLog: Nothing at the log's beginning is of this vault, or the log cannot be read.
    """
    first, end = (await reader.bounds([_FIRST]))[_FIRST]
    end = min(end, first + FIRST_RECORDS_TRIED)
    if first == end:
        return
    async for _, records in reader.read({_FIRST: first}, {_FIRST: end}):
        if any(_is_ours(record, vault) for record in records):
            return
    raise EventLog(
        "the log holds the events of another vault: none of the first records was signed with this vault's key. "
        "Connect to this vault's own log; a new vault beside the other one needs a data folder and a "
        "`log.topic_prefix` of its own. If this is the right log, the data folder's keys are not: restore them",
        code="event-log.foreign",
    )


def _is_ours(record: Record, vault: VaultIdentity) -> bool:
    try:
        event_of(record, Macs(vault.fold_keys.mac_key, *_FIRST))
    except UnknownEventType:
        return True
    except MalformedEvent:
        return False
    return True
