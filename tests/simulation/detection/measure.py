"""Measures detection, by hand: how long until a dead node is dead by the log, and how many living ones are called dead.

    python -m tests.simulation.detection.measure times --nodes 100 --runs 40
    python -m tests.simulation.detection.measure false --nodes 20 --hours 24 --loss 0.05

Time is virtual, so the figures are of the algorithm and its limits, not of this machine.
"""

import argparse
import asyncio
import logging
import statistics
import time

from tests.simulation.detection.trouble import death_after_s, trouble
from tests.simulation.detection.world import World
from tests.simulation.virtual_time import run_virtually


async def times(nodes: int, runs: int, loss: float, seed: int) -> list[float]:
    """Detection times: in each world up to three nodes end, one after another."""
    found: list[float] = []
    for run in range(runs):
        world = World(nodes, seed + run, ("a", "b", "c"), loss)
        async with world.running():
            await asyncio.sleep(15)
            for victim in world.chance.sample(world.ids, 1 if nodes < 4 else 3):
                await asyncio.sleep(world.chance.random() * 5)
                found.append(await death_after_s(world, victim, 120))
    return found


async def false_deaths(args: argparse.Namespace) -> World:
    """A day of a cluster in which nobody dies."""
    world = World(args.nodes, args.seed, ("a", "b", "c"), args.loss)
    async with world.running():
        hardship = asyncio.create_task(trouble(world, args.burst, args.pause, args.every))
        await asyncio.sleep(args.hours * 3600)
        hardship.cancel()
        await asyncio.gather(hardship, return_exceptions=True)
    return world


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("times", "false"))
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--burst", type=float, default=0.0, help="seconds that one node loses everything")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds that one node stands still")
    parser.add_argument("--every", type=float, default=60.0, help="seconds from one burst or pause to the next")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    began_s = time.monotonic()
    if args.what == "times":
        found = sorted(run_virtually(times(args.nodes, args.runs, args.loss, args.seed)))
        p99 = found[min(len(found) - 1, int(len(found) * 0.99))]
        print(
            f"{args.nodes} nodes, loss {args.loss:.0%}: {len(found)} deaths, p50 {statistics.median(found):.1f} s, "
            f"p99 {p99:.1f} s, max {found[-1]:.1f} s (took {time.monotonic() - began_s:.0f} s)"
        )
    else:
        world = run_virtually(false_deaths(args))
        words = sum(node.witness.words for node in world.nodes.values())
        print(
            f"{args.nodes} nodes, {args.hours} h, loss {args.loss:.0%}, bursts {args.burst} s, pauses {args.pause} s "
            f"every {args.every} s: {len(world.deaths)} false deaths, {len(world.wrong)} of nodes that the log heard, "
            f"{words} words, {len(world.log.events)} events (took {time.monotonic() - began_s:.0f} s)"
        )


if __name__ == "__main__":
    main()
