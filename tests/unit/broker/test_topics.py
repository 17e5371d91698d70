import pytest

from streams.broker.topics import (
    ConfigInvalid,
    Topic,
    TopicConfig,
    TopicNameInvalid,
    check_name,
    load_topics,
    store_topics,
)
from tests.unit.broker.memory_disk import MemoryDisk


@pytest.mark.parametrize("name", ["a", "govault.files", "A-b_c.9", "x" * 249])
def test_names_that_kafka_allows_are_allowed(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "ä", "x" * 250, "a\n", "a\0"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(TopicNameInvalid):
        check_name(name)


def test_settings_have_defaults_and_keep_what_was_set() -> None:
    config = TopicConfig.of({"retention.ms": "-1", "segment.bytes": "2048"})
    assert (config.retention_ms, config.segment_bytes, config.message_bytes_max) == (-1, 2048, 1048588)
    assert config.value("retention.ms") == "-1"
    assert config.value("message.timestamp.type") == "LogAppendTime"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("no.such", "1"),
        ("retention.ms", "soon"),
        ("retention.ms", "-2"),
        ("segment.bytes", "1"),
        ("message.timestamp.type", "CreateTime"),
        ("unclean.leader.election.enable", "true"),
        ("max.message.bytes", "9999999999"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ConfigInvalid, match=name):
        TopicConfig.of({name: value})


def test_the_catalogue_comes_back() -> None:
    disk = MemoryDisk()
    topic = Topic("t", b"\1" * 16, 3, TopicConfig.of({"retention.ms": "5"}))
    store_topics(disk, {"t": topic})
    assert load_topics(disk) == {"t": topic}
    assert load_topics(disk.after_crash(__import__("random").Random(0), 0.0)) == {"t": topic}
