"""When collection in the background holds still."""

from govault.services.maintenance.collection_worker import CollectionWorker


class CountingCollector:
    rounds = 0

    async def collect_gently(self, dead_share_min: float) -> None:
        self.rounds += 1


async def test_no_round_of_collection_begins_while_the_log_is_out_of_reach() -> None:
    collector, frozen = CountingCollector(), [True]
    worker = CollectionWorker(collector, 1.0, frozen=lambda: frozen[0])  # type: ignore[arg-type]
    await worker.work()
    assert collector.rounds == 0
    frozen[0] = False
    await worker.work()
    assert collector.rounds == 1
