"""What people may do, against a naive reference, over random lives: grants, moves, owners, groups, trash and its end.

The reference keeps a tree of parents, owners and grants of its own, and asks no row. At the end another node folds the
same log, its partitions in another order, and says the same of everybody and everything.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from govault.domain.access import Level, level_at
from govault.domain.actor import Actor, system
from govault.domain.principals import principals_of
from govault.domain.rows import Entity, FileRow
from govault.errors import AccessDenied, Conflict, GoVaultError, NotFound
from govault.services.maintenance.purges import PurgeBudget
from govault.services.namespace.access import AtSpace, Where
from govault.services.namespace.listing import FilesQuery
from govault.services.namespace.targets import ByRef
from schemas.events.accounts import AccountChanged, AccountCreated, GroupCreated, GroupMembersChanged, GroupRemoved
from schemas.events.base import EventData
from schemas.events.files import EntityRestored, EntityTrashed, EntryMoved, FolderMade, RulesActivated, VersionCommitted
from schemas.ids import new_entity_id, ulid
from streams.records import Record
from streams.views.fold import FoldKeys
from streams.views.generation import Generation, VaultIdentity
from streams.views.views import RocksViews
from tests.fakes.vault import ADMIN, FILES_PARTITIONS, Vault, open_vault
from tests.unit.domain.writing import content_of

PEOPLE = tuple("a_" + ulid(number, b"account---") for number in range(4))
TEAMS = tuple("g_" + ulid(number, b"group-----") for number in range(3))
PRINCIPALS = (*PEOPLE, *TEAMS, "users", "public")
NAMES = ("a", "b", "c")
WORDS = {"read": 1, "write": 2, "viewer": 1, "editor": 2, "manager": 3}
STEPS = 300


@dataclass
class Reference:
    """Who is who, what lies where and whose it is, and what was granted."""

    space_id: str
    parent: dict[str, str] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    grants: dict[tuple[str, str], str] = field(default_factory=dict)
    teams: dict[str, set[str]] = field(default_factory=lambda: {team: set() for team in TEAMS})
    disabled: set[str] = field(default_factory=set)

    def counts_as(self, principal: str) -> set[str]:
        if principal in PEOPLE:
            teams = {team for team, members in self.teams.items() if principal in members}
            return set() if principal in self.disabled else {principal, *teams, "users", "public"}
        if principal in TEAMS:
            return {principal} & set(self.teams)
        return {"users": {"users", "public"}, "public": {"public"}}[principal]

    def level(self, principal: str, target_id: str) -> int:
        if principal == "admin":
            return 3
        names, found, at = self.counts_as(principal), [0], target_id
        while True:
            found += [WORDS[word] for (where, name), word in self.grants.items() if where == at and name in names]
            found += [3] if self.owner.get(at) in names else []
            if at == self.space_id:
                return max(found)
            # What was trash before the folder that it lay in, and outlives it, lies in nothing but the space.
            at = self.parent.get(at, self.space_id)

    def forget(self, gone: set[str]) -> None:
        for entity_id in gone:
            del self.parent[entity_id], self.owner[entity_id]
        self.grants = {key: word for key, word in self.grants.items() if key[0] not in gone}


class Life:
    """One vault's random life, each act compared with the reference."""

    def __init__(self, vault: Vault, seed: int) -> None:
        self.vault = vault
        self.rng = Random(seed)
        space = vault.views.space_named("main")
        assert space is not None
        self.space = space
        self.reference = Reference(space.space_id)
        self.met: Counter[str] = Counter()

    async def begin(self) -> None:
        await self.submit(system("test"), RulesActivated(rules=2))
        for number, account_id in enumerate(PEOPLE):
            created = AccountCreated(account_id=account_id, login_hash=f"{number}" * 64, sealed="")
            await self.submit(ADMIN, created, partition=0)
        # Without a beginning nobody but administrators would have anything to give.
        await self.vault.services.namespace.access.grant(ADMIN, AtSpace("main"), PEOPLE[0], "manager")
        self.reference.grants[self.space.space_id, PEOPLE[0]] = "manager"
        for number, team in enumerate(TEAMS):
            await self.submit(ADMIN, GroupCreated(group_id=team, name=f"team{number}"), partition=0)

    async def submit(self, actor: Actor, data: EventData, partition: int | None = None) -> None:
        subject = getattr(data, "space_id", "-")
        number = self.space.partition if partition is None else partition
        await self.vault.services.submitter.submit(actor, data, number, subject=subject)

    async def step(self) -> None:
        name = self.rng.choice(("admin", "admin", *PEOPLE))
        actor = ADMIN if name == "admin" else Actor(name, principals_of(self.vault.views.accounts(), name))
        act = self.rng.choice((self.make, self.make, self.grant, self.grant, self.grant, self.own, self.move,
                               self.trash, self.restore, self.purge, self.people))  # fmt: skip
        if name not in self.reference.disabled:
            await act(actor)
        target, principal = self.a_target(), self.rng.choice(PRINCIPALS)
        where: Where = AtSpace("main") if target is None else ByRef(target.entity_id)
        told = self.vault.services.namespace.access.explain(ADMIN, where, principal)
        assert told.level == self.reference.level(principal, self.id_of(target))
        assert told.level == max((step.level for _, step in told.steps), default=0)
        assert set(told.counted_as) == self.reference.counts_as(principal)

    async def tried(self, actor: Actor, act: str, needs: list[tuple[str, int]], data: EventData) -> bool:
        """Submit it; whether it was accepted, and then he had the level needed at each of the places."""
        may = all(self.reference.level(actor.name, target_id) >= need for target_id, need in needs)
        hidden = any(self.reference.level(actor.name, target_id) < 1 for target_id, _ in needs)
        try:
            await self.submit(actor, data)
        except AccessDenied:
            assert not may, act
            self.met["denied"] += 1
            return False
        except NotFound:
            assert hidden, act
            self.met["hidden"] += 1
            return False
        except Conflict:
            assert may, act
            return False
        assert may, act
        self.met[act] += 1
        return True

    async def make(self, actor: Actor) -> None:
        path = self.a_path()
        at = self.deepest(path)
        data: EventData = FolderMade(space_id=self.space.space_id, path=path)
        if self.rng.random() < 0.5:
            file_id = new_entity_id(1, self.rng.randbytes(10))
            data = VersionCommitted(
                space_id=self.space.space_id, path=path, new_file_id=file_id, content=content_of(b""), epoch=0
            )
        if await self.tried(actor, "make", [(at, 2)], data):
            self.learn(path, actor)

    async def grant(self, actor: Actor) -> None:
        target, principal = self.a_target(), self.rng.choice(PRINCIPALS)
        where: Where = AtSpace("main") if target is None else ByRef(target.entity_id)
        target_id = self.id_of(target)
        level = self.reference.level(actor.name, target_id)
        word = self.rng.choice(("viewer", "editor", "manager") if target is None else ("read", "write"))
        revokes = self.rng.random() < 0.3
        access = self.vault.services.namespace.access
        try:
            if revokes:
                await access.revoke(actor, where, principal)
            else:
                await access.grant(actor, where, principal, word)
        except AccessDenied:
            assert 0 < level < 3
        except NotFound:
            assert level == 0 or principal not in (*PEOPLE, *self.reference.teams, "users", "public")
        else:
            assert level == 3
            self.met["revoke" if revokes else "grant"] += 1
            self.reference.grants.pop((target_id, principal), None)
            if not revokes:
                self.reference.grants[target_id, principal] = word

    async def own(self, actor: Actor) -> None:
        target = self.a_target()
        if target is None:
            return
        owner, level = self.rng.choice(PEOPLE), self.reference.level(actor.name, target.entity_id)
        try:
            await self.vault.services.namespace.access.change_owner(actor, ByRef(target.entity_id), owner)
        except AccessDenied:
            assert 0 < level < 3
        except NotFound:
            assert level == 0
        else:
            assert level == 3
            self.met["own"] += 1
            self.reference.owner[target.entity_id] = owner

    async def move(self, actor: Actor) -> None:
        target, path = self.a_target(), self.a_path()
        if target is None:
            return
        needs = [(target.entity_id, 2), (self.deepest(path.rpartition("/")[0]), 2)]
        data = EntryMoved(space_id=self.space.space_id, entity_id=target.entity_id, to_path=path)
        if await self.tried(actor, "move", needs, data):
            self.learn(path, actor)

    async def trash(self, actor: Actor) -> None:
        target = self.a_target()
        if target is not None and self.rng.random() < 0.5:
            data = EntityTrashed(space_id=self.space.space_id, entity_id=target.entity_id)
            await self.tried(actor, "trash", [(target.entity_id, 2)], data)

    async def restore(self, actor: Actor) -> None:
        for root in self.vault.views.list_trash(self.space.space_id, "", 1):
            data = EntityRestored(space_id=self.space.space_id, entity_id=root.entity_id)
            needs = [(root.entity_id, 2), (self.deepest(root.trashed_path.rpartition("/")[0]), 2)]
            if await self.tried(actor, "restore", needs, data):
                self.learn(root.trashed_path, actor)

    async def purge(self, actor: Actor) -> None:
        roots = self.vault.views.list_trash(self.space.space_id, "", 10)
        if len(roots) < 2:
            return
        level = self.reference.level(actor.name, roots[-1].entity_id)
        try:
            await self.vault.services.namespace.trash.purge_one(actor, roots[-1].entity_id, PurgeBudget(100))
        except GoVaultError:
            assert level < 3
        gone = {entity_id for entity_id in self.reference.parent if self.vault.views.entity(entity_id) is None}
        assert level == 3 or not gone
        self.met["purge"] += bool(gone)
        self.reference.forget(gone)

    async def people(self, _: Actor) -> None:
        """A group loses or gains somebody, rarely itself; an account is disabled or enabled again."""
        person, team = self.rng.choice(PEOPLE), self.rng.choice(TEAMS)
        if self.rng.random() < 0.3:
            disabled = person not in self.reference.disabled and not self.reference.disabled
            await self.submit(ADMIN, AccountChanged(account_id=person, disabled=disabled), partition=0)
            self.reference.disabled = (
                (self.reference.disabled | {person}) if disabled else self.reference.disabled - {person}
            )
        elif team in self.reference.teams and self.rng.random() < 0.03:
            await self.submit(ADMIN, GroupRemoved(group_id=team), partition=0)
            del self.reference.teams[team]
        elif team in self.reference.teams:
            members = self.reference.teams[team]
            lists = {"removed" if person in members else "members": (person,)}
            await self.submit(ADMIN, GroupMembersChanged(group_id=team, **lists), partition=0)
            members ^= {person}

    # --- what lies where --------------------------------------------------------------------------------------

    def a_path(self) -> str:
        return "/".join(self.rng.choice(NAMES) for _ in range(self.rng.randint(1, 3)))

    def a_target(self) -> Entity | None:
        """Something that lives; None: the space."""
        entities = (self.vault.views.entity(entity_id) for entity_id in self.reference.parent)
        live = [entity for entity in entities if entity is not None and self.vault.views.path_of(entity) is not None]
        return self.rng.choice([None, *live]) if self.rng.random() < 0.9 else None

    def id_of(self, target: Entity | None) -> str:
        return self.space.space_id if target is None else target.entity_id

    def deepest(self, path: str) -> str:
        """The last thing on the way that is there."""
        at = self.space.space_id
        for entity_id in self.way(path):
            if entity_id is None:
                break
            at = entity_id
        return at

    def way(self, path: str) -> list[str | None]:
        segments = path.split("/") if path else []
        paths = ("/".join(segments[: depth + 1]) for depth in range(len(segments)))
        found = (self.vault.views.resolve(self.space.space_id, one) for one in paths)
        return [None if entity is None else entity.entity_id for entity in found]

    def learn(self, path: str, actor: Actor) -> None:
        """What is new on the way belongs to whoever acted; what is at its end lies there now."""
        above = self.space.space_id
        for entity_id in self.way(path):
            assert entity_id is not None
            self.reference.owner.setdefault(entity_id, actor.name if actor.name in PEOPLE else "")
            self.reference.parent[entity_id] = above
            above = entity_id


@pytest.mark.parametrize("seed", range(6))
async def test_people_may_what_a_naive_reference_says_and_on_every_node(tmp_path: Path, seed: int) -> None:
    async with open_vault(tmp_path / "one") as vault:
        life = Life(vault, seed)
        await life.begin()
        for step in range(STEPS):
            await life.step()
            if step % 50 == 49:
                await compare_lists(life)
        assert all(life.met[act] for act in ("make", "grant", "revoke", "own", "move", "trash", "restore")), life.met
        assert life.met["denied"] + life.met["hidden"] > 3, life.met
        compare_with_another_node(tmp_path / "other", life)


async def compare_lists(life: Life) -> None:
    """Everybody's lists have what he may read and what leads there, page by page, and no more."""
    views, names = life.vault.views, life.vault.services.namespace
    rows = [row for entity_id in life.reference.parent if (row := views.entity(entity_id)) is not None]
    live = {path: row for row in rows if (path := views.path_of(row)) is not None}
    for person in PEOPLE:
        actor = Actor(person, principals_of(views.accounts(), person))
        readable = {path for path, row in live.items() if life.reference.level(person, row.entity_id) > 0}
        seen = {path for path in live if any(f"{one}/".startswith(f"{path}/") for one in readable)}
        files = {path for path in readable if isinstance(live[path], FileRow)}
        assert set(await files_of(life, actor, FilesQuery(name="*", sort="name"))) == files
        if seen:
            found = await tree_of(life, actor)
            assert found == sorted(seen, key=lambda path: path_key(path, live))
            assert await files_of(life, actor, FilesQuery(space="main")) == [path for path in found if path in files]
            assert [state.row.name for state in names.spaces.seen(actor, "")] == ["main"]
            reads_all = life.reference.level(person, life.space.space_id) > 0
            assert (names.spaces.see(actor, "main").totals is not None) is reads_all
        elif not actor.principals:
            with pytest.raises(NotFound):
                await tree_of(life, actor)
        roots = {row.entity_id for row in rows if row.trashed_ms is not None}
        own = {entity_id for entity_id in roots if life.reference.level(person, entity_id) > 0}
        assert {root.entity_id for root in names.trash.seen(actor, None, "", 1000).roots} == own


async def tree_of(life: Life, actor: Actor) -> list[str]:
    found: list[str] = []
    cursor = ""
    while True:
        page = await life.vault.services.namespace.listing.folder(actor, "main", "", cursor, 3, True)
        found += [one.path for one in page.items]
        cursor = page.next_cursor
        if not cursor:
            return found


async def files_of(life: Life, actor: Actor, query: FilesQuery) -> list[str]:
    found: list[str] = []
    cursor = ""
    while True:
        page = await life.vault.services.namespace.listing.files(actor, query, cursor, 2)
        found += [path for _, path in page.items]
        cursor = page.next_cursor
        if not cursor:
            return found


def path_key(path: str, live: dict[str, Entity]) -> bytes:
    return (path if isinstance(live[path], FileRow) else f"{path}/").encode()


def compare_with_another_node(root: Path, life: Life) -> None:
    """Fold the log again, the partitions against each other in another order, and ask that node of everything."""
    identity = VaultIdentity("test-vault", FILES_PARTITIONS, FoldKeys(b"m" * 32, b"d" * 32))
    generation = Generation(root, identity)
    views = RocksViews(generation, identity)
    try:
        for record in mixed(life.vault.log.records, life.rng):
            views.fold(record)
        files = views.files(life.space.partition)
        for target_id in (life.space.space_id, *life.reference.parent):
            entity = files.entity(target_id)
            for principal in PRINCIPALS:
                counted_as = principals_of(views.accounts(), principal)
                level = level_at(files, life.space.space_id, entity, principal, counted_as)
                assert level is Level(life.reference.level(principal, target_id))
        for principal in PRINCIPALS:
            granted = {target_id for target_id, name in life.reference.grants if name == principal}
            owned = {target_id for target_id, owner in life.reference.owner.items() if owner == principal}
            assert set(views.targets_of(life.space.space_id, [principal], 1000)) == granted | owned
            assert views.owned_by(life.space.space_id, principal, 1000) == sorted(owned)
            assert views.spaces_of([principal], 1000) == ({life.space.space_id} if granted | owned else set())
    finally:
        generation.close()


def mixed(records: list[Record], rng: Random) -> list[Record]:
    """The same records, each partition in its order, the partitions at random."""
    places: dict[object, list[Record]] = {}
    for record in records:
        places.setdefault((record.position.topic, record.position.partition), []).append(record)
    turns = [place for place, queue in places.items() for _ in queue]
    rng.shuffle(turns)
    queues = {place: iter(queue) for place, queue in places.items()}
    return [next(queues[place]) for place in turns]
