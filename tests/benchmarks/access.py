"""Access in views with a million grants: what a check costs, a folder's grant over very many entries, and the gate.

The events are folded by the views themselves, without a log: these figures are about rows and checks. The gate is
measured on a real node.
"""

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from govault.domain.access import Level, level_at
from govault.domain.actor import Actor
from govault.domain.position import Position
from govault.domain.rows import Entity
from govault.limits import SEEN_PER_SPACE_MAX
from govault.services.namespace.cursors import Veil
from govault.services.namespace.listing import FilesPage, FilesQuery, FolderPage, Listing
from govault.services.namespace.targets import Targets
from schemas.codec import encode
from schemas.envelope import Event
from schemas.events.access import AccessGranted
from schemas.events.base import EventData
from schemas.events.directory import SpaceCreated
from schemas.events.files import Content, RulesActivated, SpaceOpened, VersionCommitted
from schemas.ids import new_entity_id, new_event_id, new_space_id, ulid
from schemas.topics import Topic
from streams.records import Record, headers_of
from streams.views.fold import FoldKeys
from streams.views.generation import Generation, VaultIdentity
from streams.views.views import RocksViews
from tests.benchmarks import small_objects
from tests.benchmarks.table import Table
from tests.e2e.node_process import NodeProcess

ENTRIES_PER_FOLDER = 1_000
GRANTS_PER_ENTRY = 10
CHECKS = 20_000
SAMPLED = 1_000
LISTED = 9
BATCH = 256
GET_S = 5
_RNG = random.Random(1)
_FILES = (Topic.FILES, 0)
PEOPLE = tuple("a_" + ulid(number, _RNG.randbytes(10)) for number in range(5_000))
GROUPS = tuple("g_" + ulid(number, _RNG.randbytes(10)) for number in range(500))
STRANGER = (
    "a_" + ulid(1, b"stranger--"),
    *("g_" + ulid(number, b"strangers-") for number in range(4)),
    "users",
    "public",
)
NEWCOMER = ("a_" + ulid(1, b"newcomer--"), "users", "public")


@dataclass
class Folded:
    """Views, and the records that they folded."""

    views: RocksViews
    space_id: str = field(default_factory=lambda: new_space_id(1, _RNG.randbytes(10)))
    offsets: Iterator[int] = field(default_factory=count)

    def fold(self, data: Iterable[EventData]) -> int:
        """Fold events of the space in batches, as a node that catches up does. How many."""
        folded = 0
        waiting = iter(data)
        while batch := list(islice(waiting, BATCH)):
            self.views.stage(_FILES, [self.record(one) for one in batch])
            self.views.write(_FILES, logged=False)
            folded += len(batch)
        return folded

    def record(self, data: EventData, offset: int | None = None) -> Record:
        """The next record of the space's partition, or the first of the directory."""
        subject = self.space_id
        event = Event(
            new_event_id(1, _RNG.randbytes(10)), data, "admin", "/vaults/b/nodes/b", 1, subject, ("role:admin",)
        )
        key, value = subject.encode(), encode(event)
        position = Position(data.TOPIC, 0, next(self.offsets) if offset is None else offset)
        return Record(position, 1, key, value, tuple(headers_of(data.TOPIC, 0, key, value, b"m" * 32)))


def measure(table: Table, scratch: Path, grants: int) -> None:
    """Add the rows of access."""
    identity = VaultIdentity("bench", 1, FoldKeys(b"m" * 32, b"d" * 32))
    generation = Generation(scratch / "views", identity)
    try:
        _checks(table, Folded(RocksViews(generation, identity)), grants)
    finally:
        generation.close()
    _gate(table, scratch)


def _checks(table: Table, folded: Folded, grants: int) -> None:
    views, space_id = folded.views, folded.space_id
    views.fold(folded.record(SpaceCreated(space_id=space_id, name="bench", partition=0), offset=0))
    folded.fold([SpaceOpened(space_id=space_id, name="bench"), RulesActivated(rules=2)])
    ids = [str(new_entity_id(number, _RNG.randbytes(10))) for number in range(grants // GRANTS_PER_ENTRY)]
    began = time.perf_counter()
    files = folded.fold(_committed(space_id, number, entity_id) for number, entity_id in enumerate(ids))
    table.note(f"{files} files folded in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    given = folded.fold(_granted(space_id, entity_id) for entity_id in ids for _ in range(GRANTS_PER_ENTRY))
    rate = given / (time.perf_counter() - began)
    table.add(f"fold of {given} grants", f"{rate:.0f} events/s")
    views.flush()
    _RNG.shuffle(ids)
    for who, principals in (
        ("who has nothing", STRANGER),
        ("an account with four groups", (PEOPLE[0], *GROUPS[:4], "users")),
    ):
        entities = [_entity(folded, _RNG.choice(ids)) for _ in range(CHECKS)]
        before, took = time.thread_time(), []
        for entity in entities:
            began = time.perf_counter()
            _level(folded, entity, principals)
            took.append((time.perf_counter() - began) * 1e6)
        each = (time.thread_time() - before) / CHECKS * 1e6
        took.sort()
        p50, p99 = took[CHECKS // 2], took[int(CHECKS * 0.99)]
        table.add(
            f"check among {given} grants, {who}", f"{each:.1f} µs of processor", value=each, at_most=50, unit=" µs"
        )
        table.note(f"p50 {p50:.1f} µs, p99 {p99:.1f} µs; the entity was read before, as whoever finds it does")
    _lists(table, folded)
    _folder(table, folded, ids)


def _lists(table: Table, folded: Folded) -> None:
    """First pages for an account with four groups, among so much that is hidden from it."""
    views = folded.views
    actor = Actor(PEOPLE[0], (PEOPLE[0], *GROUPS[:4], "users", "public"))
    listing = Listing(views, Targets(views), Veil(b"v" * 32))
    seen = len(views.targets_of(folded.space_id, actor.principals, SEEN_PER_SPACE_MAX))
    asked: dict[str, Callable[[], Coroutine[Any, Any, FolderPage | FilesPage]]] = {
        "its spaces' tree, 100 entries": lambda: listing.folder(actor, "bench", "", "", 100, True),
        "a folder in which little is its own": lambda: listing.folder(actor, "bench", "shared/area-0", "", 100, False),
        "a search by name, 100 files": lambda: listing.files(actor, FilesQuery(name="*1*"), "", 100),
    }
    for what, ask in asked.items():
        took = []
        for _ in range(LISTED):
            began = time.perf_counter()
            page = asyncio.run(ask())
            took.append((time.perf_counter() - began) * 1e3)
        took.sort()
        table.add(f"list: {what}", f"{took[LISTED // 2]:.1f} ms")
        table.note(f"{len(page.items)} of {seen} things granted to it; longest {took[-1]:.1f} ms")


def _folder(table: Table, folded: Folded, ids: list[str]) -> None:
    """One grant at the folder over all entries: effective when its one event is folded."""
    views, space_id = folded.views, folded.space_id
    top = views.resolve(space_id, "shared")
    assert top is not None
    sample = [_entity(folded, entity_id) for entity_id in ids[:SAMPLED]]
    assert all(_level(folded, entity, NEWCOMER) is Level.NONE for entity in sample)
    one = AccessGranted(space_id=space_id, target_id=top.entity_id, principal=NEWCOMER[0], level="read")
    record = folded.record(one)
    began = time.perf_counter()
    views.fold(record)
    took_ms = (time.perf_counter() - began) * 1e3
    assert all(_level(folded, entity, NEWCOMER) is Level.READ for entity in sample)
    table.add(f"a grant at a folder over {len(ids)} files", f"1 event, {took_ms:.2f} ms until it holds")


def _level(folded: Folded, entity: Entity, principals: tuple[str, ...]) -> Level:
    return level_at(folded.views.files(0), folded.space_id, entity, principals[0], principals)


def _entity(folded: Folded, entity_id: str) -> Entity:
    entity = folded.views.files(0).entity(entity_id)
    assert entity is not None
    return entity


def _committed(space_id: str, number: int, entity_id: str) -> EventData:
    folder = number // ENTRIES_PER_FOLDER
    sha256 = hashlib.sha256(entity_id.encode()).hexdigest()
    return VersionCommitted(
        space_id=space_id,
        path=f"shared/area-{folder % 10}/folder-{folder:03d}/file_{number:07d}.pdf",
        new_file_id=entity_id,
        content=Content(sha256=sha256, size_bytes=0, inline_manifest="", media_type="application/pdf"),
        epoch=0,
    )


def _granted(space_id: str, entity_id: str) -> EventData:
    principal = _RNG.choice(PEOPLE) if _RNG.random() < 0.8 else _RNG.choice(GROUPS)
    level = _RNG.choice(("read", "write"))
    return AccessGranted.model_validate(
        {"space_id": space_id, "target_id": entity_id, "principal": principal, "level": level}
    )


def _gate(table: Table, scratch: Path) -> None:
    """An authenticated GET against the public route, both on one node: by the operator, a session and an API token."""
    node = NodeProcess(scratch / "vault")
    node.start()
    try:
        operator = f"Bearer {node.token}"
        _ask(node, "PUT", "/spaces/main/files/deep/down/here/small", bytes(small_objects.SIZE_BYTES), operator)
        public = small_objects.wrk(node, GET_S, [f"{node.url}/livez"])
        for who, token in {"the operator": operator, **_reader(node, operator)}.items():
            wanted = f"{node.url}/spaces/main/files/deep/down/here/small"
            load = small_objects.wrk(node, GET_S, ["-H", f"Authorization: {token}", wanted])
            ours, theirs = _each_us(load), _each_us(public)
            table.add(f"authenticated GET of 4 KB, {who}, processor", f"{ours:.0f} µs",
                      peer=f"public /livez {theirs:.0f} µs", ratio=ours / theirs)  # fmt: skip
            table.note(f"{load.rate:.0f}/s; the public route {public.rate:.0f}/s")
    finally:
        node.stop()


def _reader(node: NodeProcess, operator: str) -> dict[str, str]:
    """Credentials of an account in three groups, which reads because one of them was granted the space."""
    login = {"login": "reader", "password": "a long password of the bench"}
    made = _ask(node, "POST", "/accounts", login, operator)
    for number in range(3):
        group = _ask(node, "POST", "/groups", {"name": f"group-{number}"}, operator)
        _ask(node, "PUT", f"/groups/{group['id']}/members/{made['id']}", {}, operator)
    while not _ask(node, "GET", "/spaces/main/access", None, operator)["decided"]:
        time.sleep(0.1)
    _ask(node, "PUT", f"/spaces/main/access/{group['id']}", {"level": "viewer"}, operator)
    session = f"Bearer {_ask(node, 'POST', '/auth/login', login, None)['access_token']}"
    token = _ask(node, "POST", "/me/tokens", {"name": "bench", "scopes": ["read"]}, session)["token"]
    return {"a session": session, "an API token": f"Bearer {token}"}


def _ask(node: NodeProcess, method: str, path: str, body: bytes | dict[str, Any] | None, token: str | None) -> Any:
    sent = json.dumps(body).encode() if isinstance(body, dict) else body
    request = Request(f"{node.url}{path}", sent, method=method)
    if isinstance(body, dict):
        request.add_header("Content-Type", "application/json")
    if token is not None:
        request.add_header("Authorization", token)
    with urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def _each_us(load: small_objects.Load) -> float:
    return load.cpu_s / load.answers * 1e6
