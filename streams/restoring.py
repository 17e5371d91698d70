"""``LogRestorer`` over an embedded log folder."""

from collections.abc import Iterator
from pathlib import Path

from govault.errors import Config
from govault.ports import LogRecord
from schemas.topics import COMPACTED_TOPICS, TOPICS, Topic
from streams.broker.failures import BrokerFailure
from streams.broker.restoring import LogFolderWriter, RestoredRecord
from streams.connection import Connection
from streams.topics import settings_of


class EmbeddedLogRestorer:
    """Fills the log folder of a data folder that no node has used yet."""

    def __init__(self, folder: Path, prefix: str) -> None:
        """Open it.

        Raises:
            Config: The folder cannot be used.
        """
        # Names and settings of topics do not depend on the address, and there is none yet.
        self._connection = Connection("127.0.0.1:0", prefix)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._writer = LogFolderWriter(folder)
        except BrokerFailure as error:
            raise Config(f"the log folder {folder} cannot be written: {error}") from error

    def add_topic(self, topic: Topic, partitions: int) -> None:
        """Make a topic with the settings it always has."""
        spec = next(spec for spec in TOPICS if spec.topic is topic)
        settings = settings_of(spec, self._connection) | {"retention.ms": str(spec.retention_ms)}
        self._writer.add_topic(self._connection.topic_name(topic), partitions, settings)

    def restore(self, topic: Topic, partition: int, records: Iterator[LogRecord]) -> int:
        """Write a partition's records.

        On a compacted topic an empty value is a tombstone, which compaction has to know.
        """
        compacted = topic in COMPACTED_TOPICS
        return self._writer.write(
            self._connection.topic_name(topic),
            partition,
            (
                RestoredRecord(
                    r.position.offset, r.time_ms, r.key, (r.value or None) if compacted else r.value, r.headers
                )
                for r in records
            ),
        )

    def finish(self) -> None:
        """Make everything durable and close."""
        try:
            self._writer.finish()
        except BrokerFailure as error:
            raise Config(f"the restored log could not be made durable: {error}") from error
