"""A composed node tells the log where it is reached: at each start, and while it runs."""

import asyncio
import socket
from pathlib import Path

import pytest

from govault.config.load import load
from govault.node.compose import Running, compose
from govault.node.folder import DataFolder
from govault.node.whereabouts import Whereabouts
from govault.services.cluster import announcing


def addresses_of(running: Running) -> tuple[str, ...]:
    (row,) = running.services.views.nodes()
    return row.addresses


async def test_a_restart_at_another_address_and_a_change_while_running_are_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    environment = {"GOVAULT_SERVER__STORAGE_ROOT": str(root), "GOVAULT_STORAGE__RESERVE": "16MiB"}
    folder = DataFolder.open(root)
    try:
        async with compose(load(environment=environment), folder, "http://127.0.0.1:1111") as running:
            assert addresses_of(running) == ("http://127.0.0.1:1111",)
        monkeypatch.setattr(announcing, "ADDRESSES_LOOK_S", 0.05)
        monkeypatch.setattr(socket, "getfqdn", lambda: "one.test")
        anywhere = {**environment, "GOVAULT_SERVER__LISTEN_ADDR": "0.0.0.0:0", "GOVAULT_SERVER__ALLOW_PLAINTEXT": "1"}
        async with compose(load(environment=anywhere), folder, "http://127.0.0.1:2222") as running:
            assert addresses_of(running) == ("http://one.test:2222",)
            monkeypatch.setattr(socket, "getfqdn", lambda: "two.test")
            assert running.services.upkeep is not None
            folded = asyncio.Event()
            running.services.upkeep.ports.view_upkeep.on_peers(folded.set)
            async with asyncio.timeout(20):
                while addresses_of(running) != ("http://two.test:2222",):
                    await folded.wait()
                    folded.clear()
    finally:
        folder.close()


async def test_who_listens_everywhere_is_known_by_name_and_by_its_address_towards_kafka(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: "one.test")
    environment = {"GOVAULT_LOG__KIND": "kafka", "GOVAULT_LOG__BOOTSTRAP": "127.0.0.1:9092"}
    everywhere = {**environment, "GOVAULT_NETWORK__PEER_ADDR": "0.0.0.0:0"}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        async def found(**more: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
            configuration = load(environment={**everywhere, **more}).configuration
            return await Whereabouts(configuration, "http://127.0.0.1:80", listener)()

        assert await found() == (("http://127.0.0.1:80",), (f"one.test:{port}", f"127.0.0.1:{port}"))
        assert await found(
            GOVAULT_NETWORK__ADVERTISE='["a.test:0", "[2001:db8::1]:7"]',
            GOVAULT_SERVER__ADVERTISE='["https://vault.test"]',
        ) == (("https://vault.test",), (f"a.test:{port}", "[2001:db8::1]:7"))
