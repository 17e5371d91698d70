"""A concurrent load that remembers what was acknowledged, and checks after a crash that exactly that is there.

Each writer owns one folder, so its acknowledged operations alone fix what must be there. The one operation a writer
had under way when the node died may have happened or not, but never half.
"""

import asyncio
import hashlib
import random
from dataclasses import dataclass, field
from io import BytesIO

import aiohttp

SIZES = (0, 1, 100, 5_000, 70_000, 400_000, 1_500_000)
NAMES_PER_WRITER = 12


@dataclass
class Pending:
    """What was asked and not answered: each path it touches, with its content before and after (None: absent)."""

    before: dict[str, str | None] = field(default_factory=dict)
    after: dict[str, str | None] = field(default_factory=dict)


@dataclass
class Writer:
    """One client with its own folder.

    Attributes:
        state: path → SHA-256 of the content that was last acknowledged.
        acknowledged: How many operations were.
    """

    name: str
    randomness: random.Random
    state: dict[str, str] = field(default_factory=dict)
    pending: Pending | None = None
    acknowledged: int = 0

    async def run(self, session: aiohttp.ClientSession, url: str) -> None:
        """Work until the node no longer answers."""
        try:
            while True:
                await self._step(session, url)
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            return

    async def _step(self, session: aiohttp.ClientSession, url: str) -> None:
        path = f"{self.name}/n{self.randomness.randrange(NAMES_PER_WRITER)}"
        choice = self.randomness.random()
        if choice < 0.6 or path not in self.state:
            await self._put(session, url, path)
        elif choice < 0.8:
            await self._move(session, url, path)
        else:
            await self._delete(session, url, path)

    async def _put(self, session: aiohttp.ClientSession, url: str, path: str) -> None:
        data = self._content()
        digest = hashlib.sha256(data).hexdigest()
        self.pending = Pending({path: self.state.get(path)}, {path: digest})
        async with session.put(f"{url}/spaces/main/files/{path}", data=BytesIO(data)) as answer:
            body = await answer.text()
            if self._settled(answer.status, body, {200, 201}):
                self.state[path] = digest

    async def _move(self, session: aiohttp.ClientSession, url: str, path: str) -> None:
        target = f"{self.name}/m{self.randomness.randrange(NAMES_PER_WRITER)}"
        before = {path: self.state.get(path), target: self.state.get(target)}
        self.pending = Pending(before, {path: None, target: self.state[path]})
        async with session.patch(
            f"{url}/spaces/main/files/{path}", json={"path": target}, params={"replace": "true"}
        ) as answer:
            body = await answer.text()
            if self._settled(answer.status, body, {200}):
                self.state[target] = self.state.pop(path)

    async def _delete(self, session: aiohttp.ClientSession, url: str, path: str) -> None:
        self.pending = Pending({path: self.state[path]}, {path: None})
        async with session.delete(f"{url}/spaces/main/files/{path}") as answer:
            body = await answer.text()
            if self._settled(answer.status, body, {200, 204}):
                del self.state[path]

    def _settled(self, status: int, body: str, good: set[int]) -> bool:
        """Whether it was acknowledged. 202 and 503 leave it open; a node that is dying may answer so."""
        if status in good:
            self.pending = None
            self.acknowledged += 1
            return True
        if status in (202, 500, 503, 507):
            raise ConnectionError(f"not settled: {status}")
        raise AssertionError(f"{self.name}: {status} {body[:500]}")

    def _content(self) -> bytes:
        size = self.randomness.choice(SIZES)
        if self.randomness.random() < 0.3:
            return (b"shared by all writers %d " % size) * (size // 20)
        return self.randomness.randbytes(size)

    async def check(self, session: aiohttp.ClientSession, url: str) -> None:
        """Compare the folder with what was acknowledged; adopt what became of the pending operation."""
        there: dict[str, str] = {}
        cursor = ""
        while True:
            params = {"limit": "1000"} | ({"cursor": cursor} if cursor else {})
            async with session.get(f"{url}/spaces/main/folders/{self.name}", params=params) as answer:
                if answer.status == 404:
                    break
                page = await answer.json()
                assert answer.status == 200, page
            for entry in page["items"]:
                there[f"{self.name}/{entry['name']}"] = await self._read(session, url, f"{self.name}/{entry['name']}")
            cursor = page.get("next_cursor") or ""
            if not cursor:
                break
        allowed = [self.state]
        if self.pending is not None:
            happened = {**self.state}
            for path, digest in self.pending.after.items():
                happened.pop(path, None)
                if digest is not None:
                    happened[path] = digest
            allowed.append(happened)
        assert there in allowed, _difference(self.name, there, allowed)
        self.state, self.pending = there, None

    async def _read(self, session: aiohttp.ClientSession, url: str, path: str) -> str:
        async with session.get(f"{url}/spaces/main/files/{path}") as answer:
            data = await answer.read()
            assert answer.status == 200, (path, answer.status, data[:300])
            digest = hashlib.sha256(data).hexdigest()
            assert answer.headers["ETag"] == f'"{digest}"', path
            return digest


def _difference(name: str, there: dict[str, str], allowed: list[dict[str, str]]) -> str:
    lines = [f"{name}: what is there is neither what was acknowledged nor that and the operation under way"]
    for index, state in enumerate(allowed):
        for path in sorted({*there, *state}):
            if there.get(path) != state.get(path):
                lines.append(f"  [{index}] {path}: there {there.get(path)}, expected {state.get(path)}")
    return "\n".join(lines)


async def collect_and_empty(session: aiohttp.ClientSession, url: str) -> None:
    """Empty the trash and collect, over and over, until the node no longer answers."""
    try:
        while True:
            async with session.delete(f"{url}/trash", params={"space": "main"}) as answer:
                assert answer.status in (200, 202, 503), await answer.text()
            async with session.post(f"{url}/admin/gc") as answer:
                started = await answer.json()
                assert answer.status in (202, 503), started
            while started.get("state") == "running":
                await asyncio.sleep(0.05)
                async with session.get(f"{url}/admin/jobs/{started['id']}") as answer:
                    started = await answer.json()
    except (aiohttp.ClientError, ConnectionError, TimeoutError):
        return
