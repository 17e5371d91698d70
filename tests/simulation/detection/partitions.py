"""Seeded partitions, and what every node must make of each: the truth is worked out from the cuts themselves.

python -m tests.simulation.detection.partitions --runs 1000
"""

import argparse
import asyncio
import logging
import time
from collections import Counter

from govault.domain.verdicts import NodeVerdict, PeerVerdict
from tests.simulation.detection.world import World
from tests.simulation.virtual_time import run_virtually

KINDS = ("one way", "both ways", "halves", "isolated node", "log down for some", "log down for all", "anything")
_SETTLE_S = 45.0


class Truth:
    """What the cuts of a world mean."""

    def __init__(self, world: World) -> None:
        self._world = world

    def passes(self, sender: str, receiver: str) -> bool:
        """Whether messages go that way."""
        return (sender, receiver) not in self._world.network.cut

    def log(self, node: str) -> bool:
        """Whether a node reaches the log."""
        return self._world.nodes[node].way.up

    def direct(self, one: str, other: str) -> bool:
        """Whether calls are answered."""
        return self.passes(one, other) and self.passes(other, one)

    def reaches(self, one: str, other: str) -> bool:
        """Whether one gets answers of the other, directly or through a third."""
        thirds = (third for third in self._world.ids if third not in (one, other))
        return self.direct(one, other) or any(self.direct(one, third) and self.direct(third, other) for third in thirds)

    def only_hears(self, one: str, other: str) -> bool:
        """Whether all that one can know of the other is that it calls now and then: then either view is right."""
        return not self.reaches(one, other) and self.passes(other, one)

    def node(self, node: str) -> set[NodeVerdict]:
        """What a node may say of itself."""
        others = [other for other in self._world.ids if other != node]
        reached = [other for other in others if self.reaches(node, other)]
        heard = [other for other in others if self.only_hears(node, other)]
        return {self._judged(node, [*reached, *more]) for more in ([], heard, *([other] for other in heard))}

    def _judged(self, node: str, reached: list[str]) -> NodeVerdict:
        if self.log(node):
            return NodeVerdict.WELL
        if not reached:
            return NodeVerdict.FENCED
        return NodeVerdict.ISOLATED if any(self.log(other) for other in reached) else NodeVerdict.OUTAGE

    def peer(self, node: str, peer: str) -> set[PeerVerdict]:
        """What a node may say of a peer."""
        if self.direct(node, peer):
            return {PeerVerdict.FINE}
        if self.reaches(node, peer):
            return {PeerVerdict.DETOUR}
        silent = PeerVerdict.DETOUR if self.log(peer) else PeerVerdict.SILENT
        said = silent if self.log(node) else PeerVerdict.UNKNOWN
        if self.only_hears(node, peer):
            return {PeerVerdict.DETOUR, said, PeerVerdict.WATCHED if said is PeerVerdict.SILENT else said}
        return {said}

    def states(self, node: str) -> set[str]:
        """What the log may say of a node: dead, where enough of those that reach the log see nothing of it."""
        if self.log(node):
            return {"up"}
        able = [other for other in self._world.ids if self.log(other) and not self.reaches(other, node)]
        sure = [other for other in able if not self.only_hears(other, node)]
        needed = min(2, len(self._world.ids) - 1)
        if len(sure) >= needed:
            return {"dead"}
        return {"up", "dead"} if len(able) >= needed else {"up"}


def split(world: World, kind: str) -> None:
    """Cut a world in the way that its seed gives."""
    chance, ids = world.chance, world.ids
    some = set(chance.sample(ids, chance.randint(1, len(ids) - 1)))
    others = [node for node in ids if node not in some]
    one = chance.choice(ids)
    if kind in ("one way", "both ways"):
        world.cut(some, others[: chance.randint(1, len(others))], both_ways=kind == "both ways")
    elif kind == "halves":
        world.cut(ids[::2], ids[1::2])
    elif kind == "isolated node":
        world.cut([one], [node for node in ids if node != one])
        if chance.random() < 0.5:
            world.cut_log([one])
    elif kind == "anything":
        world.network.cut.update((a, b) for a in ids for b in ids if a != b and chance.random() < 0.4)
    if kind == "log down for all":
        world.cut_log(ids)
    if kind == "log down for some" or (
        kind in ("one way", "both ways", "halves", "anything") and chance.random() < 0.5
    ):
        world.cut_log(chance.sample(ids, chance.randint(1, len(ids))))
    if kind.startswith("log down") and chance.random() < 0.5:
        world.cut(some, others)


async def partition(seed: int) -> str:
    """One world, cut, judged and healed; the kind of its cut.

    Raises:
        AssertionError: A node says something else than the truth.
    """
    kind = KINDS[seed % len(KINDS)]
    world = World(2 + seed // len(KINDS) % 5, seed)
    truth = Truth(world)
    async with world.running():
        await asyncio.sleep(12)
        split(world, kind)
        await asyncio.sleep(_SETTLE_S)
        for name, node in world.nodes.items():
            where = f"{kind}: {name[:8]}"
            expected = truth.node(name)
            verdict = node.detection.verdict
            assert verdict in expected, f"{where} is {verdict}, not {expected}"
            assert node.cluster.fenced == (verdict is NodeVerdict.FENCED), where
            assert node.cluster.frozen == (verdict is not NodeVerdict.WELL), where
            assert world.state_of(name) in truth.states(name), f"{where} is {world.state_of(name)} by the log"
            for peer in node.cluster.members():
                if peer.node_id == name or peer.state != "up":
                    continue
                said, right = node.detection.peer_verdict(peer.node_id), truth.peer(name, peer.node_id)
                assert said in right, f"{where} takes {peer.node_id[:8]} for {said}, not {right}"
                assert node.cluster.is_up(peer.node_id) == (said is PeerVerdict.FINE), where
        assert not world.wrong, world.wrong
        world.heal()
        await asyncio.sleep(_SETTLE_S)
        for name, node in world.nodes.items():
            assert world.state_of(name) == "up", f"{kind}: {name[:8]} did not come back"
            assert node.detection.verdict is NodeVerdict.WELL, f"{kind}: {name[:8]} is {node.detection.verdict}"
            assert all(node.cluster.is_up(peer) for peer in world.ids), f"{kind}: {name[:8]} still doubts somebody"
        assert not world.wrong, world.wrong
    return kind


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    began_s = time.monotonic()
    right: Counter[str] = Counter()
    failed: list[str] = []
    for seed in range(args.seed, args.seed + args.runs):
        try:
            right[run_virtually(partition(seed))] += 1
        except AssertionError as error:
            failed.append(str(error))
            print(error)
    print(f"{sum(right.values())} of {args.runs} right, {dict(right)} (took {time.monotonic() - began_s:.0f} s)")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
