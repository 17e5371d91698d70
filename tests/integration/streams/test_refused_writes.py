"""A log that refuses a write (its disk is full) takes writes again once it can, from the same node."""

from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from govault.errors import GoVaultError, StorageFull
from schemas.envelope import Event
from schemas.events.peers import NodeStarted
from schemas.ids import new_event_id
from schemas.topics import Topic
from streams.broker.space import FreeSpace
from streams.connection import Connection
from streams.log import KafkaEventLog
from tests.integration.broker.in_process import CREDENTIALS, serving


def an_event(number: int) -> Event:
    data = NodeStarted(node_id="n", version="1")
    return Event(new_event_id(number, bytes(10)), data, "system:test", "/vaults/v/nodes/n", number, "n")


async def test_after_a_full_disk_the_node_writes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path / "log") as served:
        admin = AIOKafkaAdminClient(**served.settings)
        await admin.start()
        await admin.create_topics([NewTopic("govault.peers", 1, 1)])
        await admin.close()
        connection = Connection(served.bootstrap, username=CREDENTIALS.user, password=CREDENTIALS.password)
        log = KafkaEventLog(connection, bytes(32), 1)
        await log.start()
        try:
            assert (await log.append(an_event(1), 0)).offset == 0
            with monkeypatch.context() as full:
                full.setattr(FreeSpace, "take", lambda self, size: False)
                for number in (2, 3):
                    with pytest.raises(StorageFull):
                        await log.append(an_event(number), 0)
            assert (await log.append(an_event(4), 0)).offset == 1
            assert (await log.end_offsets(Topic.PEERS))[0] == 2
        except GoVaultError:
            print(served.lines.getvalue())
            raise
        finally:
            await log.stop()
