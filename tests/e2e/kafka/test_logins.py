"""A Kafka that knows who asks: a principal for the node, one that only reads, and nothing for anybody else."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from deploy.local.kafka import ApacheKafka, missing
from tests.e2e.kafka.vault_on_kafka import VaultOnKafka

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
USERS = {"admin": "secret-of-admin", "node-1": "secret-of-node-1", "reader": "secret-of-reader"}
PREFIX = "guarded"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    if reason := missing():
        pytest.skip(reason)
    broker = ApacheKafka(tmp_path_factory.mktemp("guarded") / "kafka", users=USERS)
    broker.start()
    try:
        wanted = [
            *(allowed("node-1", ResourceType.TOPIC, operation) for operation in NODE_ON_TOPICS),
            *(allowed("reader", ResourceType.TOPIC, operation) for operation in READER_ON_TOPICS),
            allowed("node-1", ResourceType.GROUP, AclOperation.READ),
            allowed("reader", ResourceType.GROUP, AclOperation.READ, names="reader-"),
        ]
        admin = AdminClient(login(broker, "admin"))
        for made in admin.create_acls(wanted).values():
            made.result(30)
        yield broker
    finally:
        broker.stop()


NODE_ON_TOPICS = (
    AclOperation.CREATE,
    AclOperation.DESCRIBE,
    AclOperation.DESCRIBE_CONFIGS,
    AclOperation.READ,
    AclOperation.WRITE,
)
READER_ON_TOPICS = (AclOperation.READ, AclOperation.DESCRIBE)


def allowed(user: str, kind: ResourceType, operation: AclOperation, names: str = f"{PREFIX}.") -> AclBinding:
    """What docs/kafka.md says that a principal needs, on names that begin so."""
    pattern = ResourcePatternType.PREFIXED
    return AclBinding(kind, names, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)


def login(broker: ApacheKafka, user: str) -> dict[str, str | int]:
    return {
        "bootstrap.servers": broker.bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": USERS[user],
        "log_level": 0,
    }


@pytest.fixture
def vault(guarded: ApacheKafka, tmp_path: Path) -> Iterator[VaultOnKafka]:
    password = tmp_path / "password"
    password.write_text(USERS["node-1"] + "\n")
    made = VaultOnKafka.on(tmp_path / "data", guarded.bootstrap, PREFIX)
    made.node.environment |= {
        "GOVAULT_LOG__SECURITY__PROTOCOL": "sasl_plaintext",
        "GOVAULT_LOG__SECURITY__USERNAME": "node-1",
        "GOVAULT_LOG__SECURITY__PASSWORD_FILE": str(password),
    }
    yield made
    made.node.kill()


def test_a_node_needs_no_more_than_its_own_principal_and_a_reader_cannot_write(
    vault: VaultOnKafka, guarded: ApacheKafka, tmp_path: Path
) -> None:
    vault.node.start()
    assert vault.put("a", b"a").status == 201
    vault.rebuild()
    assert vault.node.stop() == 0
    vault.node.start()
    assert vault.get("a") == b"a"

    config = tmp_path / "reader.conf"
    config.write_text("".join(f"{name}={value}\n" for name, value in login(guarded, "reader").items()))
    told = subprocess.run(
        [
            *(sys.executable, str(EXAMPLES / "follow.py"), "--bootstrap", guarded.bootstrap, "--config", str(config)),
            *("--prefix", PREFIX, "--once"),
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "version_committed" in told.stdout

    failed: list[KafkaError] = []
    producer = Producer(login(guarded, "reader"))
    try:
        producer.produce(f"{PREFIX}.files", b"forged", on_delivery=lambda error, _: failed.append(error))
        producer.flush(30)
    except KafkaException as refused:
        failed.append(refused.args[0])
    assert [error.code() for error in failed] == [KafkaError.TOPIC_AUTHORIZATION_FAILED]


def test_a_wrong_password_is_refused_at_start(vault: VaultOnKafka) -> None:
    Path(vault.node.environment["GOVAULT_LOG__SECURITY__PASSWORD_FILE"]).write_text("guess")
    vault.node.launch()
    assert vault.node.wait_end(60) == 1
    assert "cannot be" in vault.node.log_tail()
