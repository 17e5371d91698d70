"""A node refuses a log that is not as it must be, with the way out."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.local.kafka import ApacheKafka
from tests.e2e.kafka.vault_on_kafka import VaultOnKafka

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def refused(vault: VaultOnKafka) -> str:
    vault.node.launch()
    assert vault.node.wait_end(90) == 1, vault.node.log_tail()
    return vault.node.log_tail()


async def change(kafka: ApacheKafka, topic: str, settings: dict[str, str], partitions: int = 0) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        # Altering replaces all settings of a topic: what is not named goes back to the broker's default.
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, settings)])
        if partitions:
            await admin.create_partitions({topic: NewPartitions(partitions)})
    finally:
        await admin.close()


async def make(kafka: ApacheKafka, topic: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        made = await admin.create_topics([NewTopic(topic, partitions, 1)])
        assert made.topic_errors[0][1] == 0, made
    finally:
        await admin.close()


def test_wrong_terms_of_topics_are_named_each_with_the_command_that_puts_them_right(
    vault: VaultOnKafka, kafka: ApacheKafka, prefix: str
) -> None:
    vault.node.start()
    vault.node.stop()
    asyncio.run(
        change(kafka, f"{prefix}.files", {"message.timestamp.type": "CreateTime", "retention.ms": "1000"}, partitions=9)
    )
    said = refused(vault)
    assert f"{prefix}.files has 9 partitions, this vault was made with 8" in said
    assert f"{prefix}.files has message.timestamp.type=CreateTime, it must be LogAppendTime" in said
    assert f"{prefix}.files has retention.ms=1000, it must be -1" in said
    assert f"--entity-name {prefix}.files --add-config retention.ms=-1" in said


def test_a_topic_that_somebody_made_otherwise_before_the_first_start_is_refused(
    vault: VaultOnKafka, kafka: ApacheKafka, prefix: str
) -> None:
    asyncio.run(make(kafka, f"{prefix}.files", 3))
    said = refused(vault)
    assert f"{prefix}.files has 3 partitions, this vault was made with 8" in said
    assert "message.timestamp.type=CreateTime, it must be LogAppendTime" in said


def test_the_log_of_another_vault_is_refused(
    vault: VaultOnKafka, kafka: ApacheKafka, prefix: str, tmp_path: Path
) -> None:
    vault.node.start()
    vault.node.stop()
    stranger = VaultOnKafka.on(tmp_path / "stranger", kafka.bootstrap, prefix)
    said = refused(stranger)
    assert "another vault" in said
    assert "log.topic_prefix" in said
    vault.node.start()
    assert vault.ask("GET", "/health").document["ready"] is True


def test_views_refuse_a_log_that_lost_its_topics(vault: VaultOnKafka, kafka: ApacheKafka, prefix: str) -> None:
    vault.node.start()
    vault.node.stop()

    async def remove() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.delete_topics([f"{prefix}.files", f"{prefix}.peers"])
        await admin.close()

    asyncio.run(remove())
    said = refused(vault)
    assert "but the views were folded from it" in said
    assert "govault recover" in said
