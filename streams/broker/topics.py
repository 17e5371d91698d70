"""Topics and their settings, and the file that holds them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, Final

from streams.broker.disk import Disk, read_file, replace_file
from streams.broker.limits import (
    MESSAGE_BYTES_DEFAULT,
    MESSAGE_BYTES_MAX,
    SEGMENT_BYTES_DEFAULT,
    SEGMENT_BYTES_MAX,
    SEGMENT_BYTES_MIN,
    TOPIC_NAME_LENGTH_MAX,
)

PATH: Final = "topics.json"
_LEGAL_NAME = re.compile(r"[a-zA-Z0-9._-]+")
_INT64_MAX = (1 << 63) - 1


class ConfigInvalid(ValueError):
    """A setting that the log does not know or cannot keep."""


class TopicNameInvalid(ValueError):
    """Not a name that a topic may have."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A topic setting: its default, and what it may be."""

    default: str
    kind: int
    """The type code of DescribeConfigs: 1 boolean, 2 string, 3 int, 5 long, 6 double, 7 list."""
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()

    def check(self, name: str, value: str) -> str:
        """The value in its canonical form."""
        if self.kind in (3, 5):
            try:
                number = int(value)
            except ValueError:
                raise ConfigInvalid(f"{name}={value}: a whole number is needed") from None
            if not self.low <= number <= self.high:
                raise ConfigInvalid(f"{name}={value}: must be from {self.low} to {self.high}")
            return str(number)
        if self.kind == 6:
            try:
                share = float(value)
            except ValueError:
                raise ConfigInvalid(f"{name}={value}: a number is needed") from None
            if not self.low <= share <= self.high:
                raise ConfigInvalid(f"{name}={value}: must be from {self.low} to {self.high}")
        if self.choices and value not in self.choices:
            raise ConfigInvalid(f"{name}={value}: the embedded log supports {' or '.join(self.choices)}")
        return value


SETTINGS: Final[dict[str, Setting]] = {
    "cleanup.policy": Setting("delete", 7, choices=("delete", "compact", "compact,delete", "delete,compact")),
    "delete.retention.ms": Setting("86400000", 5, 0, _INT64_MAX),
    "max.compaction.lag.ms": Setting(str(_INT64_MAX), 5, 1, _INT64_MAX),
    "min.cleanable.dirty.ratio": Setting("0.5", 6, 0, 1),
    "compression.type": Setting("producer", 2, choices=("producer",)),
    "max.message.bytes": Setting(str(MESSAGE_BYTES_DEFAULT), 3, 1024, MESSAGE_BYTES_MAX),
    "message.timestamp.type": Setting("LogAppendTime", 2, choices=("LogAppendTime",)),
    "min.insync.replicas": Setting("1", 3, 1, 32767),
    "retention.bytes": Setting("-1", 5, -1, _INT64_MAX),
    "retention.ms": Setting("604800000", 5, -1, _INT64_MAX),
    "segment.bytes": Setting(str(SEGMENT_BYTES_DEFAULT), 3, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX),
    "segment.ms": Setting("604800000", 5, 1, _INT64_MAX),
    "unclean.leader.election.enable": Setting("false", 1, choices=("false",)),
}


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """The settings of a topic: what was set explicitly, and the values that the log acts on."""

    explicit: dict[str, str] = field(default_factory=dict)
    message_bytes_max: int = MESSAGE_BYTES_DEFAULT
    segment_bytes: int = SEGMENT_BYTES_DEFAULT
    segment_ms: int = 604800000
    retention_ms: int = 604800000
    retention_bytes: int = -1
    is_compacted: bool = False
    is_expiring: bool = True
    """Whether retention by time and size applies."""
    delete_retention_ms: int = 86400000
    compaction_lag_ms_max: int = _INT64_MAX
    dirty_ratio_min: float = 0.5

    @classmethod
    def of(cls, explicit: dict[str, str]) -> TopicConfig:
        """Check settings.

        Raises:
            ConfigInvalid: an unknown name or a value out of range.
        """
        checked = {}
        for name, value in explicit.items():
            if name not in SETTINGS:
                raise ConfigInvalid(f"unknown topic setting {name}")
            checked[name] = SETTINGS[name].check(name, value)
        values = {name: checked.get(name, setting.default) for name, setting in SETTINGS.items()}
        return cls(
            explicit=checked,
            message_bytes_max=int(values["max.message.bytes"]),
            segment_bytes=int(values["segment.bytes"]),
            segment_ms=int(values["segment.ms"]),
            retention_ms=int(values["retention.ms"]),
            retention_bytes=int(values["retention.bytes"]),
            is_compacted="compact" in values["cleanup.policy"],
            is_expiring="delete" in values["cleanup.policy"],
            delete_retention_ms=int(values["delete.retention.ms"]),
            compaction_lag_ms_max=int(values["max.compaction.lag.ms"]),
            dirty_ratio_min=float(values["min.cleanable.dirty.ratio"]),
        )

    @property
    def promises_to_forget(self) -> bool:
        """Whether superseded records must be gone within a bounded time, wherever they lie."""
        return self.is_compacted and self.compaction_lag_ms_max < _INT64_MAX

    def value(self, name: str) -> str:
        """What is in force."""
        return self.explicit.get(name, SETTINGS[name].default)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the log's catalogue has it."""

    name: str
    id: bytes
    """16 bytes; a topic deleted and created again has another one."""
    partitions: int
    config: TopicConfig

    def with_partitions(self, partitions: int) -> Topic:
        return replace(self, partitions=partitions)

    def with_config(self, config: TopicConfig) -> Topic:
        return replace(self, config=config)


def check_name(name: str) -> None:
    """Kafka's rule for topic names.

    Raises:
        TopicNameInvalid: with the rule.
    """
    if not name or name in (".", "..") or len(name) > TOPIC_NAME_LENGTH_MAX or not _LEGAL_NAME.fullmatch(name):
        raise TopicNameInvalid(
            f"{name!r}: 1 to {TOPIC_NAME_LENGTH_MAX} letters, digits, '.', '_' and '-', and not '.' or '..'"
        )


def load_topics(disk: Disk) -> dict[str, Topic]:
    """The catalogue; empty when nothing was created yet."""
    content = read_file(disk, PATH)
    rows: list[dict[str, Any]] = json.loads(content) if content else []
    return {
        row["name"]: Topic(row["name"], bytes.fromhex(row["id"]), row["partitions"], TopicConfig.of(row["config"]))
        for row in rows
    }


def store_topics(disk: Disk, topics: dict[str, Topic]) -> None:
    """Replace the catalogue durably."""
    rows = [
        {"name": t.name, "id": t.id.hex(), "partitions": t.partitions, "config": t.config.explicit}
        for t in topics.values()
    ]
    replace_file(disk, PATH, json.dumps(rows, indent=1).encode())
