"""Whatever number an event says, its rows and its outcome can be stored: else it would stop every node for good."""

from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.events import EventData
from schemas.topics import Topic
from streams.views.keys import KEY_OF
from streams.views.rows_codec import decode_row, encode_row
from tests.property.domain.histories import HistoryWriter
from tests.property.domain.quota_histories import QuotaHistoryWriter
from tests.property.domain.roster_histories import RosterHistoryWriter

NUMBERS = (2**70, -(2**70), 2**64, -(2**63) - 1, 1.5e300)
EVENTS = 150

Writer = HistoryWriter | RosterHistoryWriter


def written(topic: Topic, seed: int) -> Writer:
    rng = Random(seed)
    return QuotaHistoryWriter(rng, retries=True) if topic is Topic.FILES else RosterHistoryWriter(rng, topic)


def with_numbers(data: EventData) -> Iterator[EventData]:
    """The same data with a number out of bounds in each place that takes one, one after another."""
    document = data.model_dump(mode="json")
    optional = [(name,) for name, field in type(data).model_fields.items() if "int" in str(field.annotation)]
    for path in dict.fromkeys((*_places(document, ()), *optional)):
        for number in NUMBERS:
            changed = deepcopy(document)
            place: Any = changed
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = number
            try:
                yield type(data).model_validate(changed)
            except ValidationError:
                continue


def _places(document: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for step, value in document.items() if isinstance(document, dict) else enumerate(document):
        if isinstance(value, dict | list):
            yield from _places(value, (*path, step))
        elif isinstance(value, int) and not isinstance(value, bool):
            yield (*path, step)


@pytest.mark.parametrize(
    ("topic", "seed"),
    [*((Topic.FILES, seed) for seed in range(3)), (Topic.ACCOUNTS, 0), (Topic.PEERS, 0), (Topic.DIRECTORY, 0)],
)
def test_numbers_out_of_bounds_are_refused_or_can_be_stored(topic: Topic, seed: int) -> None:
    writer = written(topic, seed)
    tried = 0
    for _ in range(EVENTS):
        writer.step()
        event = writer.log[-1][-1]
        for data in with_numbers(event.data):
            state = writer.state.copy()
            asked = event._replace(data=data, id=event.id + "-", not_after_ms=None)
            applied = state.apply(asked, state.applied + 1, writer.now_ms)
            assert applied is not None
            for row, *_ in applied.changes:
                assert decode_row(KEY_OF[type(row)](row), encode_row(row, 1)) == row
            tried += 1
    assert tried > EVENTS // 5
