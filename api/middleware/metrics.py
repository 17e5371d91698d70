"""Metrics of the REST edge. Labels are methods, route templates and statuses: never a name, id or path."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"})


class HttpMetrics:
    """Requests by route: how many, how long, how many bytes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "govault_http_request_seconds",
            "Time from the request's head to the end of its response.",
            ("method", "route", "status"),
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._sent = Counter("govault_http_response_bytes", "Bytes of response bodies.", registry=registry)
        self._received = Counter("govault_http_request_bytes", "Bytes of request bodies.", registry=registry)
        self._open_now = 0
        self._open = Gauge("govault_http_requests_open", "Requests being answered now.", registry=registry)
        self._open.set_function(lambda: self._open_now)
        self._latencies: dict[tuple[str, str, int], Histogram] = {}

    def began(self) -> None:
        """A request came in."""
        self._open_now += 1

    def ended(self, method: str, route: str, status: int, seconds: float, received: int, sent: int) -> None:
        """A request was answered, or its client went away (status 499)."""
        self._open_now -= 1
        method = method if method in _METHODS else "other"
        labels = method, route, status
        latency = self._latencies.get(labels)
        if latency is None:
            latency = self._latencies[labels] = self._seconds.labels(*labels)
        latency.observe(seconds)
        self._sent.inc(sent)
        self._received.inc(received)
