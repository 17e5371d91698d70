"""One Kafka and three nodes for all of these tests, in network namespaces where the machine has them."""

from collections.abc import Iterator

import pytest

from deploy.local import kafka
from tests.e2e.cluster.conftest import SETTINGS
from tests.e2e.faults import spaces as namespaces
from tests.e2e.faults.spaces import Spaces
from tests.e2e.faults.vault import FaultyVault

NODES = 3


@pytest.fixture(scope="package")
def no_spaces() -> str:
    """Why there are no namespaces; empty where there are."""
    return namespaces.missing()


@pytest.fixture(scope="package")
def vault(tmp_path_factory: pytest.TempPathFactory, no_spaces: str) -> Iterator[FaultyVault]:
    """The cluster, with a layout of all three nodes."""
    if reason := kafka.missing():
        pytest.skip(reason)
    spaces = None if no_spaces else Spaces(NODES)
    made = FaultyVault(tmp_path_factory.mktemp("faults"), NODES, environment=SETTINGS, spaces=spaces)
    try:
        if spaces is not None:
            spaces.open()
        made.start()
        made.wait_layout(NODES)
        yield made
    finally:
        made.stop()
        if spaces is not None:
            spaces.close()


@pytest.fixture(autouse=True)
def whole(vault: FaultyVault) -> Iterator[None]:
    """Every node runs before and after each test, and has what it should have."""
    yield
    if vault.spaces is not None:
        vault.spaces.heal()
    for node in vault.nodes:
        if not node.runs:
            node.start()
    vault.wait_whole()


@pytest.fixture
def spaces(vault: FaultyVault, no_spaces: str) -> Spaces:
    """The links between the nodes; the test is skipped where there are none to cut."""
    if vault.spaces is None:
        pytest.skip(no_spaces)
    return vault.spaces
