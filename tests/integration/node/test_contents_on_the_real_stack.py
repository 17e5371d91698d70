"""Contents through every layer: REST, chunk store, log, agents, views."""

import asyncio
import random
from pathlib import Path

from tests.integration.conftest import RealVault, real_vault

BIG = random.Random(11).randbytes(30 * 1024 * 1024)


async def test_contents_go_in_and_come_out(vault: RealVault) -> None:
    client = vault.client
    small = await client.put("/spaces/main/files/a/small", content=b"small")
    big = await client.put("/spaces/main/files/a/big", content=BIG)
    assert (small.status_code, big.status_code) == (201, 201), (small.text, big.text)
    assert (await client.get("/spaces/main/files/a/small")).content == b"small"
    assert (await client.get(f"/files/{big.json()['etag']}")).content == BIG
    part = await client.get("/spaces/main/files/a/big", headers={"range": "bytes=20000000-20000009"})
    assert part.content == BIG[20_000_000:20_000_010]


async def test_writers_at_the_same_time_each_get_their_own_answer(vault: RealVault) -> None:
    client = vault.client
    answers = await asyncio.gather(
        *(client.put(f"/spaces/main/files/d{n % 7}/f{n}", content=b"%d" % n) for n in range(100)),
        *(client.put("/spaces/main/files/one", content=b"v%d" % n) for n in range(20)),
    )
    assert {answer.status_code for answer in answers[:100]} == {201}
    assert sorted(answer.json()["version"] for answer in answers[100:]) == list(range(1, 21))
    for n in (0, 50, 99):
        assert (await client.get(f"/spaces/main/files/d{n % 7}/f{n}")).content == b"%d" % n


async def test_a_repeat_is_answered_alike_after_a_restart(tmp_path: Path) -> None:
    headers = {"idempotency-key": "once", "if-none-match": "*"}
    async with real_vault(tmp_path / "data") as first:
        before = await first.client.put("/spaces/main/files/x", content=b"content", headers=headers)
        position = before.headers["govault-position"]
    async with real_vault(tmp_path / "data") as second:
        waited = await second.client.get("/spaces/main/files/x", headers={"govault-at-least": position})
        assert waited.content == b"content"
        again = await second.client.put("/spaces/main/files/x", content=b"content", headers=headers)
    assert before.status_code == again.status_code == 201
    assert before.json()["id"] == again.json()["id"]
