"""The examples of docs/kafka.md run as printed, against the embedded log with its read-only credentials."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.kafka import missing, resolve_jars
from tests.e2e.kafka.vault_on_kafka import VaultOnKafka

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultOnKafka]:
    made = VaultOnKafka.embedded(tmp_path_factory.mktemp("examples") / "data", "govault")
    made.node.start()
    for number in range(5):
        assert made.put(f"f{number}", b"%d" % number).status == 201
    yield made
    made.node.stop()


def bootstrap(vault: VaultOnKafka) -> str:
    return str(vault.node.facts["log"])


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commits(vault: VaultOnKafka) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in vault.ask("GET", "/admin/log/records?topic=files").body.splitlines()]
    return [line for line in lines if "version_committed" in json.dumps(line)]


def follow(vault: VaultOnKafka, *options: str) -> list[dict[str, object]]:
    reader = str(vault.node.root / "kcat.conf")
    out = run(
        sys.executable, str(EXAMPLES / "follow.py"), "--bootstrap", bootstrap(vault), "--config", reader, "--once",
        *options,
    )  # fmt: skip
    return [json.loads(line) for line in out.splitlines()]


def test_follow_py_tells_every_event_and_replays_from_a_time(vault: VaultOnKafka) -> None:
    told = [line for line in follow(vault) if str(line["type"]).startswith("govault.files.version_committed")]
    wanted = commits(vault)
    assert [line["offset"] for line in told] == [line["offset"] for line in wanted]
    third = int(str(told[2]["appended_ms"]))
    since = datetime.fromtimestamp(third / 1000, UTC).isoformat(timespec="milliseconds")
    later = follow(vault, "--since", since)
    assert [line["offset"] for line in later if line in told] == [
        line["offset"] for line in told if int(str(line["appended_ms"])) >= third
    ]
    assert {str(line["type"]).split(".")[1] for line in follow(vault, "--topic", "peers")} == {"peers"}


@pytest.mark.skipif(shutil.which("kcat") is None and not os.environ.get("CI"), reason="kcat is not installed")
def test_kcat_sh_lists_topics_and_events(vault: VaultOnKafka) -> None:
    out = run(str(EXAMPLES / "kcat.sh"), bootstrap(vault), str(vault.node.root / "kcat.conf"))
    assert '"govault.files" with 8 partitions' in out
    assert out.count("version_committed") == 2 * len(commits(vault)), "the type, and the schema named after it"
    last = max(int(str(line["time_ms"])) for line in commits(vault))
    since = run(str(EXAMPLES / "kcat.sh"), bootstrap(vault), str(vault.node.root / "kcat.conf"), str(last))
    assert 0 < since.count("version_committed") <= 2 * len(commits(vault))


def test_follow_java_acts_in_a_group_and_goes_on_where_it_committed(vault: VaultOnKafka) -> None:
    if reason := missing():
        pytest.skip(reason)

    def java(events: int) -> list[str]:
        return run(
            "java", "-Xmx128m", "-cp", f"{resolve_jars()}/*", str(EXAMPLES / "Follow.java"),
            bootstrap(vault), "example", "govault.files", str(vault.node.root / "kcat.conf"), str(events),
        ).splitlines()  # fmt: skip

    first = [line for line in java(1) if "version_committed" in line or "space_opened" in line]
    assert vault.put("after", b"after").status == 201
    second = java(1)
    assert first
    assert "after" in second[-1]
    assert not set(first) & set(second)
