"""One Kafka and three nodes for all of these tests: each leaves the cluster whole."""

from collections.abc import Iterator

import pytest

from deploy.local.kafka import missing
from tests.e2e.cluster.vault import Vault

SETTINGS = {
    "GOVAULT_STORAGE__RESERVE": "16MiB",
    "GOVAULT_LOG__PARTITIONS": "4",
    "GOVAULT_WORKERS__REPAIR_GRACE": "20s",
}


@pytest.fixture(scope="package")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """The cluster, with a layout of all three nodes."""
    if reason := missing():
        pytest.skip(reason)
    made = Vault(tmp_path_factory.mktemp("cluster"), environment=SETTINGS)
    try:
        made.start()
        made.wait_layout(3)
        yield made
    finally:
        made.stop()


@pytest.fixture(autouse=True)
def whole(vault: Vault) -> Iterator[None]:
    """Every node runs before and after each test, and has what it should have."""
    yield
    for node in vault.nodes:
        if not node.runs:
            node.start()
    vault.wait_whole()
