"""Who is alive: drives SWIM over the peer transport, hears the log's heartbeats, and acts on the verdicts.

It answers peers' probes too (``ProbeRequests``).
"""

import asyncio

from govault.domain.rows import NodeState
from govault.domain.swim import ProbePlan, Swim
from govault.domain.verdicts import NodeVerdict, PeerFacts, PeerVerdict, Surroundings, judge_node, judge_peer
from govault.errors import Cluster, GoVaultError
from govault.limits import (
    HEARTBEAT_SILENCE_MS_MIN,
    PEER_REACH_S,
    PROBE_PERIOD_S,
    PROBE_TIMEOUT_S,
    PROBES_AT_ONCE_MAX,
)
from govault.ports import Clock, PeerProbes, Randomness
from govault.services.cluster.cluster_map import FoldedClusterMap
from govault.services.cluster.heartbeat_reader import HeartbeatReader
from govault.services.cluster.heartbeats import Heartbeats
from govault.services.cluster.witness import Witness

_LOOK_PERIOD_S = 0.5
_PROXY_SHARE = 0.75
_STANDSTILL_S = PROBE_TIMEOUT_S
"""A step that comes this late tells that the process stood still: probes that ran meanwhile failed for that."""


class Detection:
    """See the module. ``run`` does everything; the verdicts are for people, the map for the other services."""

    def __init__(
        self,
        cluster: FoldedClusterMap,
        probes: PeerProbes,
        heartbeats: Heartbeats,
        reader: HeartbeatReader,
        witness: Witness,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._cluster = cluster
        self._probes = probes
        self._heartbeats = heartbeats
        self._reader = reader
        self._witness = witness
        self._clock = clock
        self._randomness = randomness
        self._swim = Swim(cluster.node_id)
        self._busy: set[str] = set()
        self._woke_s = 0.0
        self._peers: dict[str, PeerVerdict] = {}
        self._node = NodeVerdict.WELL
        self._join()
        cluster.on_change(self._join)

    @property
    def verdict(self) -> NodeVerdict:
        """How this node stands."""
        return self._node

    def peer_verdict(self, peer: str) -> PeerVerdict:
        """What this node makes of a peer that is up by the log."""
        return self._peers.get(peer, PeerVerdict.FINE)

    async def run(self) -> None:
        """Probe, judge and speak; returns only by cancellation. Belongs into a TaskGroup of the node.

        ``Heartbeats`` and ``HeartbeatReader`` run beside it.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._probe_on(group), name="probes")
            group.create_task(self._look_on(), name="verdicts")
            group.create_task(self._speak_on(), name="words")

    # --- ProbeRequests: what peers ask ---------------------------------------------------------------------------

    async def pinged(self, caller: str, gossip: bytes) -> bytes:
        """See the port."""
        self._swim.called(caller, gossip, self._clock.monotonic_s())
        return self._gossip(caller)

    async def ping_for(self, caller: str, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        """See the port. The peer hears this node's gossip, which the caller's is part of by now."""
        self._swim.called(caller, gossip, self._clock.monotonic_s())
        if self._cluster.member(peer) is None:
            raise Cluster(f"{peer} does not belong to this vault", code="cluster.unreachable")
        # The caller should hear in time that the peer gave no answer, lest it blames the link to this node.
        answer = await self._probes.ping(peer, self._gossip(peer), min(timeout_s, PROBE_TIMEOUT_S) * _PROXY_SHARE)
        self._swim.answered(peer, answer, self._clock.monotonic_s())
        return answer

    # --- probing ---------------------------------------------------------------------------------------------------

    def _join(self) -> None:
        incarnations = {row.node_id: row.incarnation for row in self._cluster.members() if row.state == NodeState.UP}
        self._swim.set_members(incarnations, self._clock.monotonic_s())

    async def _probe_on(self, group: asyncio.TaskGroup) -> None:
        # Nodes that start together should not probe in step.
        await asyncio.sleep(PROBE_PERIOD_S * int.from_bytes(self._randomness.token(2), "big") / 65536)
        while True:
            seed = int.from_bytes(self._randomness.token(8), "big")
            plan = self._swim.plan(seed, self._busy) if len(self._busy) < PROBES_AT_ONCE_MAX else None
            if plan is not None:
                self._busy.add(plan.target)
                group.create_task(self._probe(plan), name="probe")
            await self._sleep(PROBE_PERIOD_S)

    async def _sleep(self, seconds: float) -> None:
        due_s = self._clock.monotonic_s() + seconds
        await asyncio.sleep(seconds)
        now_s = self._clock.monotonic_s()
        if now_s - due_s > _STANDSTILL_S:
            self._woke_s = now_s
            self._swim.woke(now_s)

    async def _probe(self, plan: ProbePlan) -> None:
        """The tries of one probe: first the target alone, then also through others."""
        began_s = self._clock.monotonic_s()
        detour: bytes | None = None
        try:
            for proxies in plan.proxies:
                direct, *through = await asyncio.gather(
                    self._ping(plan.target), *(self._ping_through(proxy, plan.target) for proxy in proxies)
                )
                if direct is not None:
                    self._swim.answered(plan.target, direct, self._clock.monotonic_s())
                    return
                detour = detour or next((answer for answer in through if answer is not None), None)
        finally:
            self._busy.discard(plan.target)
        now_s = self._clock.monotonic_s()
        if detour is not None:
            self._swim.answered_through(plan.target, detour, now_s)
        elif began_s > self._woke_s:
            self._swim.unanswered(plan.target, began_s, now_s)

    async def _ping(self, peer: str) -> bytes | None:
        try:
            return await self._probes.ping(peer, self._gossip(peer), PROBE_TIMEOUT_S)
        except GoVaultError:
            return None

    async def _ping_through(self, proxy: str, peer: str) -> bytes | None:
        try:
            return await self._probes.ping_through(proxy, peer, self._gossip(proxy), PROBE_TIMEOUT_S)
        except GoVaultError:
            return None

    def _gossip(self, listener: str) -> bytes:
        return self._swim.gossip_for(listener, reaches_log=self._heartbeats.reaches_log())

    # --- judging -----------------------------------------------------------------------------------------------------

    async def _look_on(self) -> None:
        while True:
            self._look()
            await self._sleep(_LOOK_PERIOD_S)

    async def _speak_on(self) -> None:
        while True:
            # A log that hangs delays words, never verdicts.
            await self._witness.speak([peer for peer, verdict in self._peers.items() if verdict is PeerVerdict.SILENT])
            await self._witness.refute()
            await asyncio.sleep(_LOOK_PERIOD_S)

    def _look(self) -> None:
        now_s = self._clock.monotonic_s()
        log_here = self._heartbeats.reaches_log()
        log_read = log_here and self._reader.has_read(self._heartbeats.last_offset)
        members = self._swim.members
        reached = [member for member in members.values() if now_s - member.heard_s <= PEER_REACH_S]
        elsewhere = any(member.reaches_log for member in reached)
        self._node = judge_node(Surroundings(log_here, len(members), len(reached), elsewhere))
        self._peers = {peer: judge_peer(self._facts(peer, log_read, now_s)) for peer in members}
        self._cluster.fenced = self._node is NodeVerdict.FENCED
        self._cluster.frozen = self._node.frozen
        self._cluster.doubt(frozenset(peer for peer, seen in self._peers.items() if seen is not PeerVerdict.FINE))

    def _facts(self, peer: str, log_read: bool, now_s: float) -> PeerFacts:
        member = self._swim.members[peer]
        return PeerFacts(
            log_here=log_read,
            reached_directly=member.direct,
            reached_through=not member.own_word,
            heartbeat_fresh=self._reader.silence_ms(peer) < HEARTBEAT_SILENCE_MS_MIN,
            suspicion_ran_out=self._swim.ran_out(peer, now_s),
        )
