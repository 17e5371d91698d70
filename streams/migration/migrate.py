"""The steps of a migration: copy, verify record by record, verify the folded state, then give topics their terms.

Every step may be interrupted and the whole begun again: it goes on where the target ends. The source is only read.
"""

from dataclasses import dataclass
from pathlib import Path

from govault.errors import EventLog
from streams.connection import Connection
from streams.migration.comparing import compare
from streams.migration.copying import Said, all_places, begins_later, check_beginning, copy_partition, copying_producer
from streams.migration.places import PlaceReader
from streams.migration.target import TargetTopics
from streams.views.bulk import BulkReader
from streams.views.catching_up import catch_up
from streams.views.filling import fill_generation
from streams.views.generation import Generation, VaultIdentity
from streams.views.generations import GenerationsFolder
from streams.views.opening import check_log, open_serving, refuse_foreign
from streams.views.rebuild import Unserved

Digests = dict[str, tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did.

    Attributes:
        records: All that the target holds of the vault.
        copied: Of these, written by this run.
        digests: Position, history and view digest of every folded partition, equal on both logs.
    """

    records: int
    copied: int
    digests: Digests


async def migrate(source: Connection, target: Connection, vault: VaultIdentity, views: Path, said: Said) -> Migrated:
    """Copy a whole log and prove the copy. Nothing may write to either meanwhile.

    Args:
        views: The folder of the vault's views; brought up to date with the source.
        said: Told (done, of how many, at what).

    Raises:
        Config: The target's topics stand against it.
        EventLog: The target holds other records, or a log cannot be read or written.
    """
    topics = TargetTopics(target, vault.files_partitions)
    async with BulkReader(source) as reader:
        await refuse_foreign(reader, vault)
    # Before anything is changed there: a target that turns out to be somebody else's stays as it was.
    await _check_target(source, target, topics, said)
    await topics.prepare()
    records, copied = await _copy(source, target, vault, topics, said)
    said(0, 2, "folding the log")
    folder = GenerationsFolder(views)
    before = await _fold_source(source, vault, folder)
    said(1, 2, "folding the copy")
    after = await _fold_target(target, vault, folder)
    if before != after:
        wrong = ", ".join(place for place in before if before[place] != after.get(place))
        raise EventLog(f"the copy folds to another state ({wrong}): it cannot be used; this vault is as it was")
    await topics.finish()
    return Migrated(records, copied, after)


async def _check_target(source: Connection, target: Connection, topics: TargetTopics, said: Said) -> None:
    places = await topics.there()
    if not places:
        return
    async with PlaceReader(source) as reading, PlaceReader(target) as writing:
        of, there = await reading.bounds(places), await writing.bounds(places)
        for number, place in enumerate(places):
            said(number, len(places), f"comparing {place[0].value}/{place[1]}")
            await check_beginning(reading, writing, place, of[place], there[place])


async def _copy(
    source: Connection, target: Connection, vault: VaultIdentity, topics: TargetTopics, said: Said
) -> tuple[int, int]:
    places = all_places(vault.files_partitions)
    async with PlaceReader(source) as reading, PlaceReader(target) as writing:
        of, there = await reading.bounds(places), await writing.bounds(places)
        total = sum(end - first for first, end in of.values())
        done = copied = 0
        async with copying_producer(target) as producer:
            for place in places:
                said(done, total, f"copying {place[0].value}/{place[1]}")
                copied += await copy_partition(reading, writing, producer, place, of[place], there[place])
                done += of[place][1] - of[place][0]
        await topics.begin_at(begins_later(of, there))
        done = 0
        ends = await writing.bounds(places)
        for place in places:
            said(done, total, f"verifying {place[0].value}/{place[1]}")
            if ends[place][1] != of[place][1]:
                raise EventLog(f"{place[0].value}/{place[1]} ends at {ends[place][1]} in the target, not where it must")
            await compare(reading, writing, place, max(of[place][0], ends[place][0]), of[place][1])
            done += of[place][1] - of[place][0]
    return total, copied


async def _fold_source(source: Connection, vault: VaultIdentity, folder: GenerationsFolder) -> Digests:
    generation = await open_serving(folder, vault, lambda path: fill_generation(path, vault, source, _unsaid))
    try:
        async with BulkReader(source) as reader:
            await check_log(reader, generation)
        return await _fold_rest(source, generation)
    finally:
        generation.close()


async def _fold_target(target: Connection, vault: VaultIdentity, folder: GenerationsFolder) -> Digests:
    path = folder.fresh()
    try:
        await fill_generation(path, vault, target, _unsaid)
        generation = Generation(path, vault)
        try:
            return await _fold_rest(target, generation)
        finally:
            generation.close()
    finally:
        folder.remove(path)


async def _fold_rest(connection: Connection, generation: Generation) -> Digests:
    folding = Unserved(generation)
    async with BulkReader(connection) as reader:
        await catch_up(reader, folding, folding.applied, 0, _unsaid)
    generation.flush()
    return {
        f"{topic.value}/{number}": (fold.written, fold.history.hex(), fold.view_digest.hex())
        for (topic, number), fold in generation.folds.items()
    }


def _unsaid(done: int, total: int) -> None:
    """Folding is quick beside copying."""
