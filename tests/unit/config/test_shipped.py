"""The configuration that ships with the image and the compose file is valid."""

import re
from pathlib import Path

import yaml

from govault.config import load

ROOT = Path(__file__).resolve().parents[3]


def of_the_image() -> dict[str, str]:
    text = (ROOT / "deploy/Dockerfile").read_text()
    return dict(re.findall(r"\b(GOVAULT_[A-Z_]+)=(\S+)", text))


def test_the_image_starts_with_a_valid_configuration() -> None:
    configuration = load(environment=of_the_image()).configuration
    assert configuration.server.host == "0.0.0.0"
    assert configuration.log.kind == "embedded"


def test_the_compose_file_makes_a_valid_node_on_its_single_broker() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    environment = of_the_image() | compose["services"]["node1"]["environment"]
    configuration = load(environment=environment).configuration
    assert configuration.log.kind == "kafka"
    assert configuration.log.bootstrap == ("kafka:9092",)
    assert configuration.log.replication == 1
