"""A record of the log, as it is folded: its bytes, and the event it carries or why it carries none."""

from collections.abc import Iterable
from typing import NamedTuple

from govault.domain.position import Position
from schemas.codec import Macs, MalformedEvent, decode, mac
from schemas.envelope import CONTENT_TYPE, CONTENT_TYPE_HEADER, MAC_HEADER, Event
from schemas.topics import Topic

_new = tuple.__new__
"""Makes a named tuple without the Python call that its own constructor is: a fold makes two of each record."""

Headers = tuple[tuple[str, bytes], ...]


class Record(NamedTuple):
    """One record of a folded topic. A missing key or value (a foreign producer's) is empty bytes."""

    position: Position
    time_ms: int
    key: bytes
    value: bytes
    headers: Headers


def record_of(
    topic: Topic,
    partition: int,
    offset: int,
    time_ms: int,
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes | None]] | None,
) -> Record:
    """The record from what a client delivers."""
    position = _new(Position, (topic, partition, offset))
    given = tuple([(name, content or b"") for name, content in headers or ()])
    return _new(Record, (position, time_ms, key or b"", value or b"", given))


def event_of(record: Record, macs: Macs) -> Event:
    """The authentic event of a record.

    Args:
        macs: Of the record's partition.

    Raises:
        MalformedEvent: It is damaged, forged, or not of this topic.
        UnknownEventType: It is authentic and newer than this program.
    """
    given = None
    for name, content in record.headers:
        if name == MAC_HEADER:
            given = content
            break
    macs.verify(record.key, record.value, given)
    event = decode(record.value)
    topic = record.position.topic
    if topic is not event.data.TOPIC:
        raise MalformedEvent(f"an event of {event.data.TOPIC.value} stands in {topic.value}")
    if event.subject.encode() != record.key:
        raise MalformedEvent(f"the record's key is not its subject {event.subject!r}")
    return event


def headers_of(topic: Topic, partition: int, key: bytes, value: bytes, mac_key: bytes) -> list[tuple[str, bytes]]:
    """The headers a writer adds."""
    return [
        (CONTENT_TYPE_HEADER, CONTENT_TYPE.encode()),
        (MAC_HEADER, mac(mac_key, topic, partition, key, value)),
    ]
