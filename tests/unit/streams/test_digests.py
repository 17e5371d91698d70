"""What the digests of a partition are made of, spelled out: nodes compare them, so no byte of it may move."""

import pytest
from blake3 import blake3

from govault.domain.position import Position
from schemas.topics import Topic
from streams.records import Record
from streams.views.digests import History, RowDigests

KEY = bytes(range(32))


@pytest.mark.parametrize("headers", [0, 1, 2, 3, 20])
def test_the_history_chains_every_field_of_every_record(headers: int) -> None:
    history = History(KEY, Topic.FILES, 3)
    chain = blake3(b"govault-history\0files\0" + b"3", key=KEY).digest()
    for offset in range(3):
        given = tuple((f"header {number}", b"x" * number) for number in range(headers))
        record = Record(Position(Topic.FILES, 3, offset), 1_000 - offset, b"key", b"value", given)
        fields = [b"key", *(part for name, content in given for part in (name.encode(), content))]
        numbers = [(offset).to_bytes(8, "big"), (1_000 - offset).to_bytes(8, "big"), len(fields).to_bytes(4, "big")]
        lengths = [len(field).to_bytes(4, "big") for field in fields]
        hashed = blake3(b"".join((*numbers, *lengths, *fields, b"value")), key=KEY).digest()
        chain = blake3(chain + hashed).digest()
        history.extend(record)
        assert (history.last_record, history.digest) == (hashed, chain)


def test_rows_add_up_in_any_order() -> None:
    rows = [(b"k" * length, b"value %d" % length) for length in (3, 30, 600)]
    each = [blake3(len(key).to_bytes(4, "big") + key + value, key=KEY).digest() for key, value in rows]
    digests = RowDigests(KEY)
    assert digests.sum(rows) == digests.sum(rows[::-1]) == sum(int.from_bytes(one, "big") for one in each)
