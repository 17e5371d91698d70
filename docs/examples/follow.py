#!/usr/bin/env python3
"""Follow a vault's log, or replay it from a time. Needs confluent-kafka (pip install confluent-kafka).

    follow.py --bootstrap 127.0.0.1:9092 --config data/kcat.conf --since 2026-01-31T12:00:00+00:00

Whoever acts on events keeps the position of the last one it has acted on, together with what it did, and goes on
behind it: an event may be delivered twice, never lost. Events are named by their id: a repeated id is the same event.
"""

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

WAIT_S = 30.0


def main() -> None:
    """Print one JSON line an event."""
    asked = _arguments()
    consumer = Consumer(
        {
            "bootstrap.servers": asked.bootstrap,
            # No group is joined, but librdkafka looks its coordinator up: the principal must be allowed to read it.
            "group.id": asked.group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            **_credentials(asked.config),
        }
    )
    topic = f"{asked.prefix}.{asked.topic}"
    partitions = consumer.list_topics(topic, timeout=WAIT_S).topics[topic].partitions
    consumer.assign(_places(consumer, topic, sorted(partitions), asked.since))
    at_the_end = set()
    while not (asked.once and len(at_the_end) == len(partitions)):
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                raise KafkaException(message.error())
            at_the_end.add(message.partition())
            continue
        event = json.loads(message.value())
        line = {
            "partition": message.partition(),
            "offset": message.offset(),
            "appended_ms": message.timestamp()[1],  # Vault time; event["time"] is the writer's clock, for people.
            "id": event["id"],
            "type": event["type"],
            "subject": event["subject"],
            "actor": event["actor"],
            "data": event["data"],
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    consumer.close()


def _places(consumer: Consumer, topic: str, partitions: list[int], since: datetime | None) -> list[TopicPartition]:
    """Where to begin in each partition."""
    if since is None:
        return [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions]
    time_ms = int(since.timestamp() * 1000)
    # A partition without a record that young begins at its end.
    return consumer.offsets_for_times([TopicPartition(topic, number, time_ms) for number in partitions], WAIT_S)


def _credentials(config: Path | None) -> dict[str, str]:
    """Settings in librdkafka's file format, as in the data folder's kcat.conf."""
    lines = config.read_text().splitlines() if config else []
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Follow a vault's log.")
    parser.add_argument("--bootstrap", required=True, help="host:port")
    parser.add_argument("--config", type=Path, help="a file with credentials, e.g. the data folder's kcat.conf")
    parser.add_argument("--prefix", default="govault", help="the vault's log.topic_prefix")
    parser.add_argument("--topic", default="files", help="without the prefix")
    parser.add_argument("--group", default="reader-follow", help="a group that this user may read")
    parser.add_argument("--since", type=datetime.fromisoformat, help="begin at this time, e.g. 2026-01-31T12:00+00:00")
    parser.add_argument("--once", action="store_true", help="end at the end of the log")
    return parser.parse_args()


if __name__ == "__main__":
    main()
