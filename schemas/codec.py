"""Events to and from log records. A record that does not decode, or whose MAC is wrong, is malformed."""

import hmac
from datetime import UTC, datetime, timedelta

import orjson
from blake3 import blake3
from pydantic import ValidationError

from schemas.envelope import Event
from schemas.events import EVENT_TYPES
from schemas.topics import Topic

MAC_BYTES = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class MalformedEvent(ValueError):
    """The record is damaged, forged or not ours: it is skipped, identically everywhere and visibly."""


class UnknownEventType(ValueError):
    """The record is authentic, but this program does not know its type: folding must stop here."""


def encode(event: Event) -> bytes:
    """The CloudEvents JSON of an event."""
    document: dict[str, object] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.data.TYPE,
        "subject": event.subject,
        "time": datetime.fromtimestamp(event.time_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "datacontenttype": "application/json",
        "dataschema": "urn:govault:schema:" + event.data.TYPE,
        "actor": event.actor,
    }
    if event.principals:
        document["principals"] = " ".join(event.principals)
    if event.not_after_ms is not None:
        document["notafter"] = str(event.not_after_ms)
    if event.request_hash:
        document["requesthash"] = event.request_hash
    document["data"] = event.data.model_dump(mode="json", exclude_none=True)
    return orjson.dumps(document)


def decode(value: bytes) -> Event:
    """The event in a record's value.

    Raises:
        MalformedEvent: It is not a CloudEvent of ours.
        UnknownEventType: It is one, of a type or major version that this program does not know.
    """
    try:
        document = orjson.loads(value)
        kind = document["type"]
        cls = EVENT_TYPES.get(kind)
        if cls is None:
            if document["specversion"] == "1.0" and str(kind).startswith("govault."):
                raise UnknownEventType(f"event type {kind!r} is not known to this version of GoVault")
            raise MalformedEvent(f"type {kind!r} is not a GoVault event")
        not_after = document.get("notafter")
        principals = document.get("principals", "")
        # Through the tuple's own constructor, by position: a fold makes one of each record, and names cost more.
        return tuple.__new__(
            Event,
            (
                str(document["id"]),
                cls.__pydantic_validator__.validate_python(document["data"]),
                str(document["actor"]),
                str(document["source"]),
                _time_ms(document["time"]),
                str(document["subject"]),
                () if principals == "" else tuple(principals.split()),
                None if not_after is None else int(not_after),
                str(document.get("requesthash", "")),
            ),
        )
    except (
        orjson.JSONDecodeError,
        KeyError,
        TypeError,
        AttributeError,
        ValidationError,
        OverflowError,
    ) as error:
        raise MalformedEvent(f"not a GoVault event: {error}") from error
    except UnknownEventType:
        raise
    except ValueError as error:
        raise MalformedEvent(f"not a GoVault event: {error}") from error


class Macs:
    """MACs of one partition's records: keyed BLAKE3 over where a record stands and what it says.

    Used by one task: it has one hasher, which costs more than the hash of a record.
    """

    def __init__(self, key: bytes, topic: Topic, partition: int) -> None:
        """With the vault's 32-byte event key."""
        self._place = f"{topic.value}\0{partition}\0".encode()
        self._hasher = blake3(key=key)

    def of(self, record_key: bytes, value: bytes) -> bytes:
        """A record's MAC."""
        hasher = self._hasher
        hasher.update(b"%b%d\0%b%b" % (self._place, len(record_key), record_key, value))
        digest = hasher.digest()
        hasher.reset()
        return digest

    def verify(self, record_key: bytes, value: bytes, given: bytes | None) -> None:
        """Check a record's MAC in constant time.

        Raises:
            MalformedEvent: It is missing or wrong.
        """
        if given is None:
            raise MalformedEvent("the record carries no MAC")
        if not hmac.compare_digest(self.of(record_key, value), given):
            raise MalformedEvent("the record's MAC is wrong: it was forged or damaged")


def mac(key: bytes, topic: Topic, partition: int, record_key: bytes, value: bytes) -> bytes:
    """The MAC of one record; see ``Macs``."""
    return Macs(key, topic, partition).of(record_key, value)


def verify_mac(key: bytes, topic: Topic, partition: int, record_key: bytes, value: bytes, given: bytes | None) -> None:
    """Check the MAC of one record; see ``Macs.verify``."""
    Macs(key, topic, partition).verify(record_key, value, given)


def _time_ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        # By the zone of the machine that reads it, one node might find it out of bounds and another not.
        raise ValueError("its time says no offset from UTC")
    # Events of ours are in UTC and whole milliseconds, which this counts in a third of the time.
    return (moment - _EPOCH) // _MILLISECOND if moment.tzinfo is UTC else round(moment.timestamp() * 1000)
