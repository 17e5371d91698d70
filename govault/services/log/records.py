"""What a record of the log says, for services that read topics which no view folds."""

from govault.ports import LogRecord
from schemas.codec import MalformedEvent, UnknownEventType, decode, verify_mac
from schemas.envelope import MAC_HEADER, Event


def check_authentic(record: LogRecord, mac_key: bytes) -> None:
    """Raises:
    MalformedEvent: The record is damaged, forged, or not of its topic.
    """
    place = (record.position.topic, record.position.partition)
    verify_mac(mac_key, *place, record.key, record.value, dict(record.headers).get(MAC_HEADER))


def authentic_event(record: LogRecord, mac_key: bytes) -> Event | None:
    """The event of a record; None where it counts for nothing: damaged, forged, or newer than this program."""
    try:
        check_authentic(record, mac_key)
        return decode(record.value)
    except (MalformedEvent, UnknownEventType):
        return None
