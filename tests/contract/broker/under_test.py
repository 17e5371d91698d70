"""The broker a contract test talks to: the embedded log, or Apache Kafka where Java and Maven are."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.broker.supervisor import EmbeddedBroker


@dataclass(frozen=True)
class BrokerUnderTest:
    """Where it listens and how to log in; empty names mean no login."""

    name: str
    bootstrap: str
    user: str = ""
    password: str = ""
    reader_user: str = ""
    reader_password: str = ""

    @property
    def is_embedded(self) -> bool:
        return self.name == "embedded"

    def aiokafka(self, *, reader: bool = False) -> dict[str, Any]:
        """Arguments for aiokafka and kafka-python."""
        plain: dict[str, Any] = {"bootstrap_servers": self.bootstrap}
        if not self.user:
            return plain
        return plain | {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": self.reader_user if reader else self.user,
            "sasl_plain_password": self.reader_password if reader else self.password,
        }

    def librdkafka(self, *, reader: bool = False) -> dict[str, Any]:
        """Settings for confluent-kafka and kcat."""
        plain: dict[str, Any] = {"bootstrap.servers": self.bootstrap, "log_level": 0}
        if not self.user:
            return plain
        return plain | {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanisms": "PLAIN",
            "sasl.username": self.reader_user if reader else self.user,
            "sasl.password": self.reader_password if reader else self.password,
        }


class LoopThread:
    """An event loop in a thread, for an embedded broker that outlives single tests."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def start_embedded(folder: Path) -> EmbeddedBroker:
    broker = EmbeddedBroker(folder, port=0)
    await broker.start()
    return broker


def of_embedded(broker: EmbeddedBroker) -> BrokerUnderTest:
    c = broker.credentials
    return BrokerUnderTest("embedded", broker.bootstrap, c.user, c.password, c.reader_user, c.reader_password)
