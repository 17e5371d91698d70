"""Run tests with their nodes on one Apache Kafka: ``python -m tests.kafka.suite tests/e2e/cli -q``."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.kafka.broker import SUITE_BOOTSTRAP, ApacheKafka, missing


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
