"""What is wrong with a topic is said, with the way out."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.topics import TOPICS, Topic
from streams.connection import Connection
from streams.topics import Found, _adopt_forgetting, differences_of, forgetting_of, settings_of

ALONE = Connection("127.0.0.1:9092", prefix="mine")
CLUSTER = replace(ALONE, replicated=True)
SPECS = {spec.topic: spec for spec in TOPICS}


@pytest.mark.parametrize("connection", [ALONE, CLUSTER], ids=["alone", "cluster"])
def test_topics_as_they_are_made_are_right(connection: Connection) -> None:
    for spec in TOPICS:
        found = Found(spec.partitions or 8, settings_of(spec, connection))
        assert differences_of(spec, connection, 8, found) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("retention.ms", "604800000"),
        ("retention.bytes", "1000000"),
        ("message.timestamp.type", "CreateTime"),
        ("unclean.leader.election.enable", "true"),
        ("cleanup.policy", "compact"),
        ("max.message.bytes", "1000"),
    ],
)
def test_each_wrong_setting_of_a_topic_kept_for_ever_is_named(setting: str, value: str) -> None:
    spec = SPECS[Topic.FILES]
    found = Found(8, settings_of(spec, ALONE) | {setting: value})
    (difference,) = differences_of(spec, ALONE, 8, found)
    assert "mine.files" in difference
    assert f"--add-config {setting}=" in difference


def test_how_long_passing_records_are_kept_is_the_operators_business() -> None:
    spec = SPECS[Topic.AUDIT]
    found = Found(1, settings_of(spec, ALONE) | {"retention.ms": "1000", "retention.bytes": "5"})
    assert differences_of(spec, ALONE, 8, found) == []


def test_a_missing_topic_and_another_partition_count_are_named() -> None:
    spec = SPECS[Topic.FILES]
    assert "does not exist" in differences_of(spec, ALONE, 8, None)[0]
    assert "has 4 partitions" in differences_of(spec, ALONE, 8, Found(4, settings_of(spec, ALONE)))[0]


def test_a_cluster_needs_two_copies_in_sync() -> None:
    spec = SPECS[Topic.FILES]
    found = Found(8, settings_of(spec, CLUSTER) | {"min.insync.replicas": "1"})
    assert "min.insync.replicas=1, it must be 2" in differences_of(spec, CLUSTER, 8, found)[0]


class FakeAdmin:
    """Takes changed settings, or refuses them with a code."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.asked: dict[str, dict[str, str]] = {}

    async def alter_configs(self, resources: list[Any]) -> list[Any]:
        self.asked |= {resource.name: resource.configs for resource in resources}
        return [SimpleNamespace(resources=[(self.code, "not yours", 2, name) for name in self.asked])]


def as_made(*without: str) -> dict[Topic, Found]:
    found = {spec.topic: dict(settings_of(spec, ALONE)) for spec in TOPICS}
    for setting in without:
        found[Topic.KEYS][setting] = "9223372036854775807"
    return {topic: Found(1, settings) for topic, settings in found.items()}


async def test_a_compacted_topic_that_forgets_too_late_gets_all_its_terms_and_others_stay() -> None:
    admin = FakeAdmin()
    await _adopt_forgetting(admin, ALONE, as_made())  # type: ignore[arg-type]
    assert admin.asked == {}
    await _adopt_forgetting(admin, ALONE, as_made("max.compaction.lag.ms"))  # type: ignore[arg-type]
    spec = SPECS[Topic.KEYS]
    assert admin.asked == {"mine.keys": settings_of(spec, ALONE) | {"retention.ms": "-1"}}
    assert forgetting_of(spec).items() <= admin.asked["mine.keys"].items()
    assert forgetting_of(SPECS[Topic.ACCOUNTS]) == {}


async def test_where_the_log_refuses_the_terms_the_command_for_them_is_said(caplog: pytest.LogCaptureFixture) -> None:
    await _adopt_forgetting(FakeAdmin(29), ALONE, as_made("max.compaction.lag.ms"))  # type: ignore[arg-type]
    assert "not yours" in caplog.text
    assert "--entity-name mine.keys --add-config max.compaction.lag.ms=60000`" in caplog.text
