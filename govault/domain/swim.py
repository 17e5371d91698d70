"""SWIM without I/O: whom to probe next, who is suspected, and what to gossip. Time and random numbers are arguments.

After Das, Gupta and Motivala, "SWIM: Scalable Weakly-consistent Infection-style Process Group Membership Protocol"
(DSN 2002), with these differences: who belongs to the group, and who is dead, is what the log says, so gossip carries
suspicions and their refutations only; a refutation counts up a counter inside the incarnation that the log gave; and
nobody is convicted by hearsay: a suspicion that is heard of is probed by whoever hears it, before it says so itself.
"""

import math
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from govault.domain.swim_gossip import COUNTER_MAX, Life, Message, Rumours, Word, decode, encode
from govault.limits import PROBE_PROXIES, PROBE_TRIES, SUSPICION_S

_TELLINGS = 3
"""How many times log2 of the group each word is told: SWIM's λ."""


class ProbePlan(NamedTuple):
    """Whom to probe now, and through whom at which try: at first nobody, then others each time."""

    target: str
    proxies: tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class Member:
    """What this node knows of another.

    Attributes:
        suspected_s: Since when it is suspected, by anybody; None where it is not.
        own_word: Whether this node's own probes failed, directly and through others.
        direct: Whether it answered when it was last probed directly.
        heard_s: Its last sign of life: an answer, or a probe of its own.
        reaches_log: By its own last word.
    """

    life: Life
    heard_s: float
    suspected_s: float | None = None
    own_word: bool = False
    direct: bool = True
    reaches_log: bool = True


class Swim:
    """The state of one node. Never awaits, never raises."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._life = Life(0)
        self._members: dict[str, Member] = {}
        self._order: list[str] = []
        self._urgent: deque[str] = deque()
        self._urgent_turn = True
        self._rumours = Rumours()

    @property
    def members(self) -> Mapping[str, Member]:
        """The others, by id. For reading only."""
        return self._members

    def set_members(self, incarnations: Mapping[str, int], now_s: float) -> None:
        """Who takes part, this node too, with their incarnations by the log: everyone who is up there."""
        mine = incarnations.get(self._me, self._life.incarnation)
        if mine != self._life.incarnation:
            self._life = Life(mine)
        before, self._members = self._members, {}
        for node_id, incarnation in incarnations.items():
            if node_id == self._me:
                continue
            known = before.get(node_id)
            if known is None or known.life.incarnation != incarnation:
                # A new life: nothing that was said of the one before holds.
                known = Member(Life(incarnation), now_s)
                self._rumours.drop(node_id)
            self._members[node_id] = known
        self._rumours.keep_only([*self._members, self._me])
        self._order = [node_id for node_id in self._order if node_id in self._members]
        self._urgent = deque(node_id for node_id in self._urgent if node_id in self._members)

    def plan(self, seed: int, busy: Collection[str] = ()) -> ProbePlan | None:
        """The next probe: everyone once a round in an order of chance, and in every other turn who needs a look.

        Args:
            seed: A random number.
            busy: Who is being probed now: not these again.
        """
        target = self._next(seed, busy)
        if target is None:
            return None
        able = [node_id for node_id, member in self._members.items() if member.direct and node_id != target]
        chosen = shuffled(able, seed)[: PROBE_PROXIES * (PROBE_TRIES - 1)]
        later = [tuple(chosen[at :: PROBE_TRIES - 1]) for at in range(PROBE_TRIES - 1)]
        return ProbePlan(target, ((), *later))

    def _next(self, seed: int, busy: Collection[str]) -> str | None:
        self._urgent_turn = not self._urgent_turn
        if self._urgent_turn or len(self._members) <= len(self._urgent):
            for _ in range(len(self._urgent)):
                if (target := self._urgent.popleft()) not in busy:
                    return target
                self._urgent.append(target)
        for _ in range(2):
            while self._order:
                if (target := self._order.pop()) not in busy and target not in self._urgent:
                    return target
            self._order = shuffled(self._members, seed)
        return None

    def gossip_for(self, listener: str, *, reaches_log: bool) -> bytes:
        """A message to send along with a probe, or with its answer.

        Args:
            reaches_log: Whether this node reaches the log now.
        """
        times_max = _TELLINGS * max(1, math.ceil(math.log2(len(self._members) + 2)))
        return encode(Message(self._life, reaches_log, self._rumours.pick(listener, times_max)))

    def called(self, peer: str, gossip: bytes, now_s: float) -> None:
        """A peer probed this node: it lives, which does not say that this node reaches it."""
        self._heard(peer, gossip, now_s)

    def answered(self, peer: str, gossip: bytes, now_s: float) -> None:
        """A peer answered a direct probe."""
        self._heard(peer, gossip, now_s)
        if peer in self._members:
            self._members[peer].direct = True

    def answered_through(self, peer: str, gossip: bytes, now_s: float) -> None:
        """A peer answered through another only: the link to it is broken, not the peer."""
        self._heard(peer, gossip, now_s)
        if peer in self._members:
            self._members[peer].direct = False
            self._look_soon(peer)

    def unanswered(self, peer: str, began_s: float, now_s: float) -> None:
        """A peer answered none of the tries of a probe that began then, neither directly nor through others."""
        member = self._members.get(peer)
        if member is None:
            return
        member.direct = False
        self._look_soon(peer)
        if member.heard_s > began_s:
            return
        member.own_word = True
        if member.suspected_s is None:
            self._suspect(peer, member, now_s)

    def woke(self, now_s: float) -> None:
        """This node stood still for a while: what it found out before says nothing of now."""
        for member in self._members.values():
            member.own_word = False
            if member.suspected_s is not None:
                member.suspected_s = now_s

    def ran_out(self, peer: str, now_s: float) -> bool:
        """Whether this node has seen for itself that the peer does not answer, and it had its time to refute."""
        member = self._members[peer]
        return member.own_word and member.suspected_s is not None and now_s - member.suspected_s >= SUSPICION_S

    def _heard(self, peer: str, gossip: bytes, now_s: float) -> None:
        message = decode(gossip)
        member = self._members.get(peer)
        if member is not None:
            member.heard_s = now_s
            member.own_word = False
            if member.suspected_s is not None:
                member.suspected_s = None
                self._rumours.keep_for_itself(peer)
            if message is not None:
                member.reaches_log = message.reaches_log
                if message.life.incarnation == member.life.incarnation and message.life > member.life:
                    member.life = message.life
                    self._rumours.drop(peer)
        for word in message.words if message else ():
            self._take(word, now_s)

    def _take(self, word: Word, now_s: float) -> None:
        if word.node_id == self._me:
            self._refute(word)
            return
        member = self._members.get(word.node_id)
        if member is None or word.life.incarnation != member.life.incarnation:
            return
        if word.suspect and (word.life > member.life or (word.life == member.life and member.suspected_s is None)):
            member.life = word.life
            if member.suspected_s is None:
                self._suspect(word.node_id, member, now_s)
                self._look_soon(word.node_id)
            self._rumours.add(word)
        elif not word.suspect and word.life > member.life:
            member.life = word.life
            member.suspected_s = None
            member.own_word = False
            self._rumours.add(word)

    def _refute(self, word: Word) -> None:
        said = word.life
        if word.suspect and said.incarnation == self._life.incarnation and self._life <= said:
            self._life = Life(said.incarnation, min(said.counter + 1, COUNTER_MAX))
            self._rumours.add(Word(self._me, self._life, suspect=False))

    def _suspect(self, peer: str, member: Member, now_s: float) -> None:
        member.suspected_s = now_s
        self._rumours.add(Word(peer, member.life, suspect=True))

    def _look_soon(self, peer: str) -> None:
        if peer not in self._urgent:
            self._urgent.append(peer)


def shuffled(items: Iterable[str], seed: int) -> list[str]:
    """The items in an order that the seed gives (Fisher-Yates over Knuth's 64-bit congruential generator)."""
    found = list(items)
    state = seed
    for at in range(len(found) - 1, 0, -1):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        other = (state >> 33) % (at + 1)
        found[at], found[other] = found[other], found[at]
    return found
