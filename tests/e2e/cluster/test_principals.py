"""Apache Kafka with SASL and access lists: every node has a principal of its own, held to the topics of the vault."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AclOperation, AdminClient, ResourceType

from deploy.local.kafka import missing
from tests.e2e.cluster.conftest import SETTINGS
from tests.e2e.cluster.vault import Vault
from tests.e2e.kafka.test_logins import NODE_ON_TOPICS, allowed

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]

USERS = {"admin": "secret-of-admin", "node-1": "secret-of-node-1", "node-2": "secret-of-node-2"}
NODES = ("node-1", "node-2")
OURS = "govault."
ENDS_S_MAX = 60.0


def login(vault: Vault, user: str) -> dict[str, str | int]:
    return {
        "bootstrap.servers": vault.kafka.bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": USERS[user],
        "log_level": 0,
    }


def password_file(vault: Vault, user: str) -> Path:
    return vault.folder / f"{user}.password"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """Two nodes, each with a user of its own that docs/cluster.md says how to make."""
    if reason := missing():
        pytest.skip(reason)
    made = Vault(tmp_path_factory.mktemp("principals"), size=len(NODES), environment=SETTINGS)
    made.kafka.users = USERS
    try:
        made.kafka.start()
        wanted = [allowed(user, ResourceType.TOPIC, operation, OURS) for user in NODES for operation in NODE_ON_TOPICS]
        wanted += [allowed(user, ResourceType.GROUP, AclOperation.READ, OURS) for user in NODES]
        admin = AdminClient(login(made, "admin"))
        for one in admin.create_acls(wanted).values():
            one.result(30)
        for user in NODES:
            password_file(made, user).write_text(USERS[user] + "\n")
            made.add_node(
                GOVAULT_LOG__SECURITY__PROTOCOL="sasl_plaintext",
                GOVAULT_LOG__SECURITY__USERNAME=user,
                GOVAULT_LOG__SECURITY__PASSWORD_FILE=str(password_file(made, user)),
            )
        made.wait_layout(len(NODES))
        yield made
    finally:
        made.stop()


def refusals(vault: Vault, user: str) -> list[KafkaError]:
    """What Kafka says when a user writes to a topic that is not the vault's."""
    failed: list[KafkaError] = []
    producer = Producer(login(vault, user))
    try:
        producer.produce("others.files", b"x", on_delivery=lambda error, _: failed.append(error))
        producer.flush(30)
    except KafkaException as refused:
        failed.append(refused.args[0])
    return failed


def test_nodes_with_principals_of_their_own_are_one_vault_and_reach_no_other_topic(vault: Vault) -> None:
    for number, node in enumerate(vault.nodes):
        content = os.urandom(300_000)
        assert vault.put(node, f"through/{number}", content) in (200, 201)
        for other in vault.nodes:
            vault.wait_read(other, f"through/{number}", content)
    for user in NODES:
        assert [error.code() for error in refusals(vault, user)] == [KafkaError.TOPIC_AUTHORIZATION_FAILED], user


def test_a_node_with_a_wrong_password_says_so_and_ends_and_the_other_goes_on(vault: Vault) -> None:
    one, two = vault.nodes
    content = os.urandom(300_000)
    assert vault.put(two, "before", content) in (200, 201)
    vault.wait_read(one, "before", content)
    vault.wait_whole()
    assert two.stop() == 0
    password_file(vault, "node-2").write_text("guess\n")
    try:
        two.launch()
        assert two.wait_end(ENDS_S_MAX) == 1
        last = two.log_tail().strip().splitlines()[-1]
        assert "the login of 'node-2' is refused: correct `log.security.username`" in last
        assert vault.get(one, "before") == (200, content)
    finally:
        password_file(vault, "node-2").write_text(USERS["node-2"] + "\n")
    two.start()
    vault.wait("writes go on", lambda: vault.put(two, "after", b"after") in (200, 201))
    vault.wait_read(one, "after", b"after")
