"""The topics of the log that a vault moves to.

While records are copied a topic keeps their times (``CreateTime``) and forgets nothing; only when the copy was
verified it gets the terms of a running vault, append time above all. What was written before keeps its time: a batch
says itself of which kind its times are.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidReplicationFactorError, KafkaError, TopicAlreadyExistsError, for_code

from govault.errors import Config, EventLog
from schemas.topics import TOPICS, Topic, TopicSpec
from streams.connection import Connection
from streams.migration.places import Place
from streams.topics import COPIES_OF_CLUSTER, ensure_topics, settings_of

ADMIN_TIMEOUT_S = 60.0
_POLL_S = 0.2
_FOR_EVER = "-1"
_ANY_TIME_MS = str(2**63 - 1)


class TargetTopics:
    """Makes and turns the topics of the target; one task calls it."""

    def __init__(self, connection: Connection, files_partitions: int) -> None:
        self._connection = connection
        self._partitions = {spec.topic: spec.partitions or files_partitions for spec in TOPICS}
        self._files_partitions = files_partitions

    async def there(self) -> list[Place]:
        """The partitions of the topics that the target has already; nothing is changed.

        Raises:
            Config: A topic has another number of partitions.
            EventLog: The log cannot be reached.
        """
        async with _Admin(self._connection) as admin:
            there = await self._there(admin)
        for topic, partitions in there.items():
            if partitions != self._partitions[topic]:
                raise Config(
                    f"the target has {self._connection.topic_name(topic)} with {partitions} partitions, this vault "
                    f"has {self._partitions[topic]}: it is not the copy of this vault. Migrate to another cluster, "
                    "or remove that topic there first if nobody needs it"
                )
        return [(topic, number) for topic in there for number in range(self._partitions[topic])]

    async def prepare(self) -> None:
        """Every topic is there and takes records with their own times.

        Raises:
            EventLog: The log cannot be reached, or refuses.
        """
        async with _Admin(self._connection) as admin:
            there = await self._there(admin)
            await self._alter(admin, {spec: self._while_copying(spec) for spec in TOPICS if spec.topic in there})
            await self._make(admin, [spec for spec in TOPICS if spec.topic not in there])
            # A broker of a cluster hears of a new topic a moment after it was made.
            while len(await self._there(admin)) < len(TOPICS):  # noqa: ASYNC110
                await asyncio.sleep(_POLL_S)

    async def begin_at(self, starts: Mapping[Place, int]) -> None:
        """Forget what lies before these offsets.

        Raises:
            EventLog: The log cannot be reached, or refuses.
        """
        wanted = {
            TopicPartition(self._connection.topic_name(topic), partition): RecordsToDelete(offset)
            for (topic, partition), offset in starts.items()
        }
        if wanted:
            async with _Admin(self._connection) as admin:
                await admin.delete_records(wanted)

    async def finish(self) -> None:
        """Give every topic the terms that a running vault needs, and see that they hold.

        Raises:
            Config: They do not hold.
            EventLog: The log cannot be reached, or refuses.
        """
        async with _Admin(self._connection) as admin:
            await self._alter(admin, {spec: self._while_running(spec) for spec in TOPICS})
        deadline = asyncio.get_running_loop().time() + ADMIN_TIMEOUT_S
        while True:
            try:
                return await ensure_topics(self._connection, self._files_partitions, {})
            except Config:
                # A broker acts on changed settings a moment after it has taken them.
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(_POLL_S)

    def _while_running(self, spec: TopicSpec) -> dict[str, str]:
        return settings_of(spec, self._connection) | {"retention.ms": str(spec.retention_ms)}

    def _while_copying(self, spec: TopicSpec) -> dict[str, str]:
        return self._while_running(spec) | {
            "message.timestamp.type": "CreateTime",
            "message.timestamp.before.max.ms": _ANY_TIME_MS,
            "message.timestamp.after.max.ms": _ANY_TIME_MS,
            "retention.ms": _FOR_EVER,
            "retention.bytes": _FOR_EVER,
            "cleanup.policy": "delete",
        }

    async def _there(self, admin: AIOKafkaAdminClient) -> dict[Topic, int]:
        described = await admin.describe_topics()
        found = {self._connection.topic_of(one["topic"]): one for one in described if not one["error_code"]}
        return {topic: len(one["partitions"]) for topic, one in found.items() if topic is not None}

    async def _make(self, admin: AIOKafkaAdminClient, lacking: list[TopicSpec]) -> None:
        if not lacking:
            return
        copies = COPIES_OF_CLUSTER if self._connection.replicated else 1
        wanted = [
            NewTopic(
                self._connection.topic_name(spec.topic),
                self._partitions[spec.topic],
                copies,
                topic_configs=self._while_copying(spec),
            )
            for spec in lacking
        ]
        for name, code, *message in (await admin.create_topics(wanted)).topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                hint = "; for a single broker add --set log.replication=1" if _lacks_brokers(error) else ""
                reason = message[0] if message and message[0] else error.__name__
                raise EventLog(f"the target refuses to make the topic {name}: {reason}{hint}")

    async def _alter(self, admin: AIOKafkaAdminClient, settings: Mapping[TopicSpec, dict[str, str]]) -> None:
        if not settings:
            return
        resources = [
            ConfigResource(ConfigResourceType.TOPIC, self._connection.topic_name(spec.topic), wanted)
            for spec, wanted in settings.items()
        ]
        for response in await admin.alter_configs(resources):
            for code, message, _, name in response.resources:
                if code:
                    raise EventLog(f"the target refuses to change the settings of {name}: {message}")


def _lacks_brokers(error: Any) -> bool:
    return error is InvalidReplicationFactorError


class _Admin:
    """A started admin client; its failures as this project's errors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = AIOKafkaAdminClient(**connection.client_settings("govault-migration"))
        self._timeout = asyncio.timeout(ADMIN_TIMEOUT_S)

    async def __aenter__(self) -> AIOKafkaAdminClient:
        await self._timeout.__aenter__()
        try:
            await self._client.start()
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self._client

    async def __aexit__(self, *failure: Any) -> None:
        await self._client.close()
        try:
            await self._timeout.__aexit__(*failure)
        except TimeoutError as error:
            raise self._unreachable(error) from error
        if isinstance(failure[1], KafkaError | OSError):
            raise self._unreachable(failure[1]) from failure[1]

    def _unreachable(self, error: BaseException) -> EventLog:
        return EventLog(f"the topics at {self._connection.bootstrap} cannot be read or made: {error!r}")
