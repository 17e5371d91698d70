"""Run tests with their nodes on one Apache Kafka: ``python -m tests.kafka.suite tests/e2e/cli -q``."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local.kafka import ApacheKafka, missing

SUITE_BOOTSTRAP = "TEST_KAFKA_BOOTSTRAP"
"""Where the Kafka of a whole suite is, in the environment."""


def log_of_suite(root: Path) -> dict[str, str]:
    """The log settings of a node of the suites: none, or, under ``tests.kafka.suite``, topics of its own on that Kafka.

    A data folder whose vault is on an embedded log (recovered from a backup) keeps it.
    """
    bootstrap = os.environ.get(SUITE_BOOTSTRAP)
    if bootstrap is None:
        return {}
    vault = root / "vault.json"
    made = json.loads(vault.read_text()) if vault.exists() else {}
    prefix = made.get("topic_prefix", f"n{hashlib.sha256(str(root).encode()).hexdigest()[:12]}")
    settings = {"KIND": "kafka", "BOOTSTRAP": bootstrap, "REPLICATION": "1", "TOPIC_PREFIX": prefix}
    if made.get("log_kind") == "embedded":
        settings = {"TOPIC_PREFIX": prefix}
    return {f"GOVAULT_LOG__{name}": value for name, value in settings.items()}


def main() -> int:
    """Start Kafka, run pytest with the arguments given, stop Kafka; pytest's exit code."""
    if reason := missing():
        print(reason)
        return 0
    with tempfile.TemporaryDirectory(prefix="govault-kafka-") as folder:
        kafka = ApacheKafka(Path(folder) / "kafka")
        kafka.start()
        try:
            command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
            return subprocess.run(command, check=False, env={**os.environ, SUITE_BOOTSTRAP: kafka.bootstrap}).returncode
        finally:
            kafka.stop()


if __name__ == "__main__":
    sys.exit(main())
