"""docker-compose.yml, without a container engine: its shape, its references, and what its environments mean."""

import re
from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from pydantic import BaseModel, ConfigDict, Field

from deploy.local.kafka import ApacheKafka, missing
from govault.config.load import load

CHECKOUT = Path(__file__).resolve().parents[3]
Text = Annotated[str, Field(min_length=1)]
Duration = Annotated[str, Field(pattern=r"^\d+(ms|s|m|h)$")]
NODES = ("node1", "node2", "node3")
OF_THE_MACHINE = {
    "node.id",
    "process.roles",
    "listeners",
    "advertised.listeners",
    "controller.quorum.voters",
    "log.dirs",
}


class Part(BaseModel):
    """The Compose Specification's keys that this file uses; another one is a slip, or belongs here."""

    model_config = ConfigDict(extra="forbid", strict=True)


class HealthCheck(Part):
    test: list[Text]
    interval: Duration
    timeout: Duration
    retries: int


class Dependency(Part):
    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]


class Build(Part):
    context: Text
    dockerfile: Text


class Service(Part):
    image: Text
    build: Build | None = None
    # Numbers and booleans would be written otherwise by YAML than an environment wants them.
    environment: dict[Text, str]
    entrypoint: list[Text] = []
    command: list[Text] = []
    ports: list[Annotated[str, Field(pattern=r"^127\.0\.0\.1:\d+:\d+$")]] = []
    volumes: list[Annotated[str, Field(pattern=r"^[a-z]+:/[^:]+$")]]
    healthcheck: HealthCheck | None = None
    depends_on: dict[Text, Dependency] = {}
    restart: Literal["no", "always", "on-failure", "unless-stopped"]
    stop_grace_period: Duration | None = None
    mem_limit: Annotated[str, Field(pattern=r"^\d+[mg]$")]
    cpus: float | None = None


class Compose(Part):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    services: dict[Text, Service]
    volumes: dict[Text, None]


@pytest.fixture(scope="module")
def compose() -> Compose:
    loaded = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
    return Compose.model_validate({name: part for name, part in loaded.items() if not name.startswith("x-")})


def properties(environment: dict[str, str]) -> dict[str, str]:
    """Broker settings, as the image of Apache Kafka takes them from its environment."""
    assert all(name.startswith("KAFKA_") for name in environment)
    return {name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in environment.items()}


def test_every_reference_leads_somewhere(compose: Compose) -> None:
    for service in compose.services.values():
        assert {volume.partition(":")[0] for volume in service.volumes} <= compose.volumes.keys()
        for name, dependency in service.depends_on.items():
            needed = compose.services[name]
            assert dependency.condition != "service_healthy" or needed.healthcheck is not None
        if service.build is not None:
            assert (CHECKOUT / service.build.context / service.build.dockerfile).is_file()
    used = {volume.partition(":")[0] for service in compose.services.values() for volume in service.volumes}
    assert used == compose.volumes.keys()


def test_the_nodes_environment_is_a_valid_configuration_on_that_kafka(compose: Compose) -> None:
    kafka = properties(compose.services["kafka"].environment)
    dockerfile = (CHECKOUT / "deploy" / "Dockerfile").read_text()
    for name in NODES:
        node = compose.services[name]
        configuration = load(environment=node.environment).configuration
        log, network = configuration.log, configuration.network
        assert (log.kind, log.replication) == ("kafka", 1)
        assert [f"PLAINTEXT://{address}" for address in log.bootstrap] == [kafka["advertised.listeners"]]
        assert log.bootstrap[0].partition(":")[0] in compose.services
        assert network.name == name
        assert network.advertise == (f"{name}:{network.peer_addr.rpartition(':')[2]}",)
        assert f"VOLUME {node.volumes[0].partition(':')[2]}" in dockerfile
        assert f"EXPOSE {node.ports[0].rpartition(':')[2]} {network.peer_addr.rpartition(':')[2]}" in dockerfile


def test_each_node_has_a_disk_and_a_port_of_its_own_and_joins_by_a_token_of_its_own(compose: Compose) -> None:
    disks = {name: compose.services[name].volumes[0].partition(":")[0] for name in NODES}
    ports = {compose.services[name].ports[0] for name in NODES}
    assert len(set(disks.values())) == len(ports) == len(NODES)
    tokens = compose.services["tokens"]
    assert tokens.depends_on["node1"].condition == "service_healthy"
    assert f"{disks['node1']}:/vault" in tokens.volumes
    for name in NODES[1:]:
        joining = compose.services[name]
        assert joining.command == ["start", "--join", f"@/join/{name}"]
        assert joining.depends_on["tokens"].condition == "service_completed_successfully"
        assert name in tokens.command[0].partition(";")[0].split()


def test_the_tested_version_of_kafka_is_the_one_that_is_deployed(compose: Compose) -> None:
    tested = re.search(r"kafka_2\.13</artifactId>\s*<version>([^<]+)", (CHECKOUT / "deploy/local/pom.xml").read_text())
    assert tested is not None
    assert compose.services["kafka"].image == f"apache/kafka:{tested[1]}"


@pytest.mark.slow
def test_a_broker_starts_with_these_settings(compose: Compose, tmp_path: Path) -> None:
    if reason := missing():
        pytest.skip(reason)
    settings = properties(compose.services["kafka"].environment)
    mine = {name: value for name, value in settings.items() if name not in OF_THE_MACHINE}
    kafka = ApacheKafka(tmp_path / "kafka", settings=mine)
    kafka.start()
    try:
        broker = ConfigResource(ResourceType.BROKER, "1")
        client = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
        taken = client.describe_configs([broker])[broker].result(30)
    finally:
        kafka.stop()
    assert {name: taken[name].value for name in mine if name in taken} == mine
