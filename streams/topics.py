"""The topics of a vault in the log: made at first start, held to their terms at every start."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAlreadyExistsError,
    for_code,
)

from govault.errors import Config, EventLog
from govault.limits import COMPACTION_LAG_MS, EVENT_BYTES_MAX, KIB
from schemas.topics import TOPICS, Topic, TopicSpec
from streams.connection import Connection

_log = logging.getLogger(__name__)

ADMIN_TIMEOUT_S = 30.0
MESSAGE_BYTES_MAX = EVENT_BYTES_MAX + 64 * KIB
COPIES_OF_CLUSTER = 3
COPIES_IN_SYNC = 2
_LOGIN_TIMEOUT_S = 5.0
_FOR_EVER = "-1"
_MADE_POLL_S = 0.1
TOMBSTONES_KEPT_MS = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the log has it."""

    partitions: int
    settings: Mapping[str, str]


async def ensure_topics(
    connection: Connection, files_partitions: int, applied: Mapping[tuple[Topic, int], int]
) -> None:
    """Create the topics that lack and check those that are there.

    Args:
        files_partitions: The recorded partition count of ``.files``.
        applied: Positions of the views: a topic that they have read from must exist.

    Raises:
        Config: A topic is not as it must be; the message says how to put it right.
        EventLog: The log cannot be reached or refuses.
    """
    admin = AIOKafkaAdminClient(**connection.client_settings("govault-admin"))
    try:
        async with asyncio.timeout(ADMIN_TIMEOUT_S):
            await admin.start()
            try:
                there = await _there(admin, connection)
                _refuse_lost(connection, there, applied)
                await _create(admin, connection, files_partitions, [s for s in TOPICS if s.topic not in there])
                found = await _describe(admin, connection)
                await _adopt_forgetting(admin, connection, found)
            finally:
                await admin.close()
    except (KafkaError, OSError, TimeoutError) as error:
        why = (
            "the login of {!r} is refused: correct `log.security.username`, or what is in `log.security.password_file`"
        )
        said = why.format(connection.username) if await _refuses_login(connection) else repr(error)
        raise EventLog(f"the topics at {connection.bootstrap} cannot be read or made: {said}") from error
    differences = [
        difference
        for spec in TOPICS
        for difference in differences_of(spec, connection, files_partitions, found.get(spec.topic))
    ]
    if differences:
        raise Config("the topics of the log are not as GoVault needs them:\n- " + "\n- ".join(differences))


def differences_of(spec: TopicSpec, connection: Connection, files_partitions: int, found: Found | None) -> list[str]:
    """What is wrong with a topic, each with the way out; empty where it is right."""
    name = connection.topic_name(spec.topic)
    if found is None:
        return [f"{name} does not exist although it was just made: look at the log of the brokers"]
    wrong: list[str] = []
    partitions = spec.partitions or files_partitions
    if found.partitions != partitions:
        wrong.append(
            f"{name} has {found.partitions} partitions, this vault was made with {partitions}: partitions of a vault "
            "never change, because a space lives in one; make a new vault, or connect to the right log"
        )
    for setting, value in _checked(spec, connection).items():
        actual = found.settings.get(setting)
        if actual is not None and actual != value:
            wrong.append(
                f"{name} has {setting}={actual}, it must be {value}: `kafka-configs.sh --alter --entity-type topics "
                f"--entity-name {name} --add-config {setting}={value}`"
            )
    largest = int(found.settings.get("max.message.bytes", MESSAGE_BYTES_MAX))
    if largest < MESSAGE_BYTES_MAX:
        wrong.append(
            f"{name} takes messages of {largest} bytes at most, events need {MESSAGE_BYTES_MAX}: `kafka-configs.sh "
            f"--alter --entity-type topics --entity-name {name} --add-config max.message.bytes={MESSAGE_BYTES_MAX}`"
        )
    return wrong


def settings_of(spec: TopicSpec, connection: Connection) -> dict[str, str]:
    """The settings a topic is created with."""
    settings = _checked(spec, connection) | forgetting_of(spec) | {"max.message.bytes": str(MESSAGE_BYTES_MAX)}
    if connection.replicated:
        settings["min.insync.replicas"] = str(COPIES_IN_SYNC)
    return settings


def forgetting_of(spec: TopicSpec) -> dict[str, str]:
    """How soon a compacted topic forgets what has a newer record or a tombstone.

    A tombstone outlives every reader that may have missed it.
    """
    if not spec.compacted:
        return {}
    return {
        "max.compaction.lag.ms": str(COMPACTION_LAG_MS),
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": str(TOMBSTONES_KEPT_MS),
    }


def _checked(spec: TopicSpec, connection: Connection) -> dict[str, str]:
    settings = {
        "message.timestamp.type": "LogAppendTime",
        "unclean.leader.election.enable": "false",
        "retention.ms": str(spec.retention_ms),
        "retention.bytes": _FOR_EVER,
        "cleanup.policy": "compact" if spec.compacted else "delete",
    }
    if connection.replicated:
        settings["min.insync.replicas"] = str(COPIES_IN_SYNC)
    if spec.retention_ms != int(_FOR_EVER):
        # How long passing records are kept is the operator's business.
        del settings["retention.ms"], settings["retention.bytes"]
    return settings


async def _refuses_login(connection: Connection) -> bool:
    """Whether a broker answers and refuses our name or password; clients only say that they reached none."""
    settings = connection.client_settings("govault-login")
    del settings["bootstrap_servers"]
    for server in connection.servers() if connection.username else ():
        host, _, port = server.rpartition(":")
        try:
            async with asyncio.timeout(_LOGIN_TIMEOUT_S):
                (await create_conn(host, int(port), **settings)).close()
        except (SaslAuthenticationFailed, AuthenticationFailedError):
            return True
        except (KafkaError, OSError, TimeoutError):
            continue
    return False


def _refuse_lost(connection: Connection, there: Mapping[Topic, int], applied: Mapping[tuple[Topic, int], int]) -> None:
    lost = sorted({topic.value for (topic, _), offset in applied.items() if offset >= 0 and topic not in there})
    if lost:
        raise EventLog(
            f"the log at {connection.bootstrap} has no topic {', '.join(lost)} with prefix {connection.prefix!r}, but "
            "the views were folded from it: connect to the right log, or restore the log from a backup "
            "(`govault recover`)",
            code="event-log.lost",
        )


async def _there(admin: AIOKafkaAdminClient, connection: Connection) -> dict[Topic, int]:
    described = await admin.describe_topics()
    named = {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}
    return {spec.topic: named[name] for spec in TOPICS if (name := connection.topic_name(spec.topic)) in named}


async def _create(
    admin: AIOKafkaAdminClient, connection: Connection, files_partitions: int, lacking: list[TopicSpec]
) -> None:
    if not lacking:
        return
    copies = COPIES_OF_CLUSTER if connection.replicated else 1
    wanted = []
    for spec in lacking:
        settings = settings_of(spec, connection) | {"retention.ms": str(spec.retention_ms)}
        partitions = spec.partitions or files_partitions
        wanted.append(NewTopic(connection.topic_name(spec.topic), partitions, copies, topic_configs=settings))
    answer = await admin.create_topics(wanted)
    for name, code, *message in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            reason = message[0] if message and message[0] else for_code(code).__name__
            raise EventLog(f"the log refuses to make the topic {name}: {reason}")
    _log.info("made the topics %s", ", ".join(topic.name for topic in wanted))
    # A broker of a cluster hears of a new topic a moment after it was made.
    while not {spec.topic for spec in lacking} <= (await _there(admin, connection)).keys():  # noqa: ASYNC110
        await asyncio.sleep(_MADE_POLL_S)


async def _adopt_forgetting(admin: AIOKafkaAdminClient, connection: Connection, found: Mapping[Topic, Found]) -> None:
    """Give compacted topics that an earlier version made the terms on which they forget."""
    for spec in TOPICS:
        terms = forgetting_of(spec)
        there = found[spec.topic].settings if spec.topic in found else terms
        lacking = {setting: value for setting, value in terms.items() if there.get(setting) != value}
        if not lacking:
            continue
        name = connection.topic_name(spec.topic)
        settings = settings_of(spec, connection) | {"retention.ms": str(spec.retention_ms)}
        asked = ConfigResource(ConfigResourceType.TOPIC, name, settings)
        refusals = [row for answer in await admin.alter_configs([asked]) for row in answer.resources if row[0]]
        changes = ",".join(f"{setting}={value}" for setting, value in lacking.items())
        if refusals:
            _log.warning(
                "destroyed keys stay on %s longer than they should, for the log refuses to change it (%s): "
                "`kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config %s`",
                name,
                refusals[0][1],
                name,
                changes,
            )
        else:
            _log.info("set %s of %s", changes, name)


async def _describe(admin: AIOKafkaAdminClient, connection: Connection) -> dict[Topic, Found]:
    there = await _there(admin, connection)
    names = {connection.topic_name(topic): topic for topic in there}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[Topic, Found] = {}
    for response in await admin.describe_configs(asked):
        for code, message, _, name, entries in response.resources:
            if code:
                raise EventLog(f"the log does not show the settings of {name}: {message}")
            topic = names[name]
            found[topic] = Found(there[topic], _settings(entries))
    return found


def _settings(entries: list[Any]) -> dict[str, str]:
    return {entry[0]: str(entry[1]) for entry in entries}
