"""Random histories of the topics beside ``.files``: accounts and groups, nodes and layouts, the directory of spaces.

Over so few ids, names and hashes that they meet, go and come again.
"""

import hashlib
from random import Random
from typing import TypeVar

from govault.domain.layout import encode_table
from govault.domain.memory_state import MemoryAccounts, MemoryDirectory, MemoryPeers
from govault.domain.rows import NodeState
from govault.limits import SLOTS
from schemas.envelope import Event
from schemas.events import EventData
from schemas.events import accounts as of_accounts
from schemas.events import peers as of_peers
from schemas.events.directory import SpaceCreated, SpaceRemoved
from schemas.ids import new_account_id, new_group_id, new_space_id, new_token_id
from schemas.topics import Topic
from tests.unit.domain.writing import event_of

T = TypeVar("T")

_SALT = b"roster----"
ACCOUNTS = [new_account_id(number, _SALT) for number in range(10)]
GROUPS = [new_group_id(number, _SALT) for number in range(8)]
TOKENS = [new_token_id(number, _SALT) for number in range(8)]
SPACES = [new_space_id(number, _SALT) for number in range(4)]
HASHES = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(12)]
PUBLIC_KEYS = [hashlib.sha256(b"key %d" % number).digest() for number in range(4)]
NODES = [hashlib.sha256(key).hexdigest() for key in PUBLIC_KEYS]
NAMES = ("one", "two", "three")
_REPEATS_OF_100 = 15


class RosterHistoryWriter:
    """Writes events of one topic; some come again, soon or late, as they were or as another request."""

    def __init__(self, rng: Random, topic: Topic) -> None:
        self.rng = rng
        self._next = {Topic.ACCOUNTS: self.account_or_group, Topic.PEERS: self.peer, Topic.DIRECTORY: self.space}[topic]
        self.accounts, self.peers, self.directory = MemoryAccounts(), MemoryPeers(), MemoryDirectory()
        self.state = {state.topic: state for state in (self.accounts, self.peers, self.directory)}[topic]
        self.log: list[tuple[int, Event]] = []
        self.now_ms = 1_000_000

    def step(self) -> None:
        """Write one event and fold it."""
        self.now_ms += self.rng.choice((0, 1, 1000, 20_000, -500))
        event = self.next_event()
        self.state.apply(event, len(self.log), self.now_ms)
        self.log.append((self.now_ms, event))

    def next_event(self) -> Event:
        if self.log and self.rng.randrange(100) < _REPEATS_OF_100:
            _, event = self.rng.choice(self.log[-12:] if self.rng.randrange(2) else self.log)
            change = self.rng.randrange(3)
            if change == 0:
                return event._replace(request_hash="another")
            return event if change == 1 else event._replace(not_after_ms=self.now_ms + 60_000)
        late = self.now_ms + self.rng.choice((-1, 0, 10_000)) if self.rng.randrange(10) == 0 else None
        actor = self.rng.choice(("system:test",) * 50 + tuple(ACCOUNTS))
        return event_of(self._next(), len(self.log) + 1, actor=actor, not_after_ms=late)

    def some(self, things: list[T]) -> tuple[T, ...]:
        return tuple(self.rng.choice(things) for _ in range(self.rng.randrange(3)))

    def known_accounts(self) -> list[str]:
        return [row.account_id for row in self.accounts.accounts("", 100) if not row.erased] or ACCOUNTS

    # --- one of each ---------------------------------------------------------------------------------------

    def account_or_group(self) -> EventData:
        return self.rng.choice((self.account, self.account, self.group, self.group, self.credential))()

    def account(self) -> EventData:
        choose = self.rng.choice
        account_id = choose(self.known_accounts())
        return choose(
            (
                of_accounts.AccountCreated(
                    account_id=choose(ACCOUNTS),
                    login_hash=choose(HASHES),
                    sealed="",
                    roles=choose(((), ("admin",))),
                    invite_hash=choose(("",) * 20 + tuple(HASHES)),
                    identity_hash=choose(("", "", "", "", *HASHES)),
                ),
                of_accounts.AccountChanged(
                    account_id=account_id,
                    base_revision=choose((None, None, 1)),
                    login_hash=choose((None, *HASHES)),
                    disabled=choose((None, None, True, False)),
                    identity_hash=choose((None, None, "", *HASHES)),
                ),
                of_accounts.SessionsEnded(account_id=account_id),
                choose((of_accounts.AccountErased, *[of_accounts.SessionsEnded] * 4))(account_id=account_id),
            )
        )

    def group(self) -> EventData:
        choose, known = self.rng.choice, self.known_accounts()
        group_id = choose([row.group_id for row in self.accounts.groups("", 100)] or GROUPS)
        members = of_accounts.GroupMembersChanged(
            group_id=group_id, members=self.some(known), managers=self.some(known), removed=self.some(known)
        )
        return choose(
            (
                of_accounts.GroupCreated(group_id=choose(GROUPS), name=choose(NAMES)),
                of_accounts.GroupChanged(group_id=group_id, name=choose(NAMES)),
                choose((of_accounts.GroupRemoved(group_id=group_id), *[members] * 4)),
                members,
                members,
            )
        )

    def credential(self) -> EventData:
        choose = self.rng.choice
        token_id, expires_ms = choose(TOKENS), choose((self.now_ms, self.now_ms + 50_000))
        opened = self.accounts.signing_keys()
        return choose(
            (
                of_accounts.ApiTokenIssued(
                    token_id=token_id,
                    account_id=choose(self.known_accounts()),
                    name="a token",
                    secret_hash=choose(HASHES),
                    scopes=("write", "read"),
                    expires_ms=choose((None, expires_ms)),
                ),
                of_accounts.ApiTokenRevoked(token_id=token_id),
                of_accounts.InviteIssued(invite_hash=choose(HASHES), roles=("admin",), expires_ms=expires_ms),
                of_accounts.InviteRevoked(invite_hash=choose(HASHES)),
                of_accounts.SigningKeyOpened(number=(opened[-1].number if opened else 0) + choose((1, 1, 2))),
            )
        )

    def peer(self) -> EventData:
        choose = self.rng.choice
        number = self.rng.randrange(len(NODES))
        node_id = NODES[number]
        token_hash = choose([row.token_hash for row in self.peers.join_tokens() if not row.spent_by] or HASHES)
        known = self.peers.node(node_id)
        incarnation = choose((0, known.incarnation)) if known else 0
        layouts, roots = self.peers.layouts(), self.peers.sealing_roots()
        version = layouts[-1].version if layouts else 0
        reached = choose([row.version for row in layouts] or [1])
        return choose(
            (
                of_peers.JoinTokenIssued(token_hash=choose(HASHES), expires_ms=self.now_ms + 200_000, zone="z"),
                of_peers.NodeAdmitted(
                    node_id=node_id, public_key=PUBLIC_KEYS[number].hex(), name="n", token_hash=token_hash
                ),
                of_peers.NodeStarted(node_id=node_id, version="1", addresses=("a", "b")),
                of_peers.NodeStarted(node_id=node_id, version="2", peer_addresses=("a",)),
                of_peers.NodeSuspected(
                    node_id=node_id,
                    incarnation=incarnation,
                    witness=choose(NODES),
                    silence_ms=choose((1, 10_000_000, 10_000_000)),
                ),
                choose((of_peers.NodeRemoved(node_id=node_id), *[self.layout(version)] * 9)),
                of_peers.LayoutReached(node_id=node_id, version=reached),
                of_peers.LayoutReached(node_id=node_id, version=reached),
                of_peers.SealingRootOpened(
                    epoch=(roots[-1].epoch + 1 if roots else 2) + choose((0, 0, 1)), wrapped="YQ=="
                ),
            )
        )

    def layout(self, version: int) -> EventData:
        members = [row.node_id for row in self.peers.nodes() if row.state != NodeState.REMOVED] or NODES
        count = min(len(members), 1 + self.rng.randrange(2))
        return of_peers.LayoutChanged(
            base_version=version - self.rng.choice((0, 0, 0, min(1, version))),
            replicas=1,
            write_quorum=1,
            node_ids=tuple(self.rng.sample(members, count)),
            table=encode_table([(slot % count,) for slot in range(SLOTS)]),
        )

    def space(self) -> EventData:
        space_id = self.rng.choice(SPACES)
        if self.rng.randrange(2):
            return SpaceRemoved(space_id=space_id)
        return SpaceCreated(space_id=space_id, name=self.rng.choice(NAMES), partition=self.rng.randrange(3))
