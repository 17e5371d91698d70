"""Repair and scrub in ``/metrics``, read when asked."""

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as MetricsSource

from govault.services.healing.assembly import Healing


class RepairMetrics(MetricsSource):
    """Gauges and counters of healing."""

    def __init__(self, healing: Healing) -> None:
        self._healing = healing

    def collect(self) -> list[Metric]:
        """The metric families."""
        status = self._healing.status()
        queue = GaugeMetricFamily(
            "govault_repair_queue_chunks", "Chunks that wait for repair, by urgency.", labels=["urgency"]
        )
        for urgency in ("sole", "few", "rest"):
            queue.add_metric([urgency], getattr(status.queue, urgency))
        return [
            queue,
            _gauge("govault_repair_lost_chunks", "Chunks that should be here and that no node has.", status.queue.lost),
            _gauge("govault_repair_paused", "1 while repair is paused.", int(status.paused)),
            _gauge(
                "govault_under_replicated_chunks",
                "Chunks of this node's slots with fewer replicas than wanted, as of the last walk.",
                status.walk.under_replicated,
            ),
            CounterMetricFamily("govault_repaired", "Replicas made on this node.", value=status.total.repaired),
            CounterMetricFamily("govault_repaired_bytes", "Their sealed bytes.", value=status.total.repaired_bytes),
            CounterMetricFamily("govault_replicas_given", "Replicas given to other nodes.", value=status.total.pushed),
            CounterMetricFamily("govault_replicas_lost", "Replicas found damaged or gone.", value=status.total.lost),
            CounterMetricFamily("govault_replicas_removed", "Surplus replicas let go.", value=status.total.removed),
            _gauge(
                "govault_scrub_progress", "How much of the scrub's pass is done, 0 to 1.", status.scrub_share or 0.0
            ),
            _gauge(
                "govault_scrub_finished_timestamp_seconds",
                "When the last whole pass ended.",
                status.scrub.finished_ms / 1000,
            ),
        ]


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
