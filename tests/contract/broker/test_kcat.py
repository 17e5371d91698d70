"""What kcat relies on, with the line that the node prints for its user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from tests.contract.broker.under_test import BrokerUnderTest

pytestmark = pytest.mark.skipif(
    shutil.which("kcat") is None and not os.environ.get("CI"), reason="kcat is not installed (Debian: kcat)"
)


def kcat(broker: BrokerUnderTest, *arguments: str, stdin: bytes = b"", reader: bool = False) -> bytes:
    settings = broker.librdkafka(reader=reader)
    options = [f"-X{key}={value}" for key, value in settings.items() if key != "log_level"]
    done = subprocess.run(["kcat", *options, *arguments], input=stdin, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def topic(broker: BrokerUnderTest) -> str:
    name = f"kcat-{uuid.uuid4().hex[:12]}"
    client = AdminClient(broker.librdkafka())
    client.create_topics([NewTopic(name, 1, 1)])[name].result(20)
    return name


def test_it_lists_produces_and_consumes(broker: BrokerUnderTest, topic: str) -> None:
    kcat(broker, "-P", "-t", topic, "-K:", "-H", "h=1", stdin=b"a:1\nb:2\nc:3\n")
    listed = json.loads(kcat(broker, "-L", "-J", "-t", topic))
    assert listed["topics"][0]["topic"] == topic
    assert kcat(broker, "-C", "-t", topic, "-e", "-o", "beginning", "-f", "%o %k=%s %h\n") == (
        b"0 a=1 h=1\n1 b=2 h=1\n2 c=3 h=1\n"
    )


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_it_compresses(broker: BrokerUnderTest, topic: str, codec: str) -> None:
    lines = b"".join(b"line %d of many alike\n" % n for n in range(500))
    kcat(broker, "-P", "-t", topic, "-z", codec, stdin=lines)
    assert kcat(broker, "-C", "-t", topic, "-e", "-q", "-o", "beginning") == lines


def test_the_reader_follows_along_in_a_group_and_by_time(only_embedded: BrokerUnderTest, topic: str) -> None:
    kcat(only_embedded, "-P", "-t", topic, stdin=b"one\ntwo\n")
    group = f"reader-{topic}"
    got = kcat(only_embedded, "-G", group, "-e", "-q", "-X", "auto.offset.reset=earliest", topic, reader=True)
    assert got == b"one\ntwo\n"
    assert kcat(only_embedded, "-C", "-t", topic, "-e", "-q", "-o", "s@1", reader=True) == b"one\ntwo\n"
    options = [f"-X{k}={v}" for k, v in only_embedded.librdkafka(reader=True).items() if k != "log_level"]
    refused = subprocess.run(
        ["kcat", *options, "-P", "-t", topic], input=b"no\n", capture_output=True, timeout=30, check=False
    )
    assert b"authorization" in refused.stderr.lower()
