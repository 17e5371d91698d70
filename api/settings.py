"""What the node tells the REST edge. Values only: the configuration's own shape stays with the node."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from api.middleware.access import AccessLog, to_structlog
from api.middleware.bandwidth import BytesPerSecond
from api.middleware.rates import RequestsPerMinute
from govault.limits import MAX_UPLOAD_BYTES_DEFAULT

ACCESS_COOKIE = "govault_access"
REFRESH_COOKIE = "govault_refresh"
OIDC_COOKIE = "govault_oidc"
"""What a browser brings back from the identity provider."""


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Settings of the REST door.

    Attributes:
        version: The program's version, told in the OpenAPI document.
        max_upload_bytes: The largest content a PUT or POST may bring.
        cors_origins: Origins that browsers may call from; ``*`` for any. None by default.
        metrics_public: Whether ``/metrics`` needs no token.
        docs: Whether ``/docs`` and ``/openapi.json`` are served.
        page: Whether the page at ``/`` is served.
        rest: Whether the vault answers at all beyond health, documentation and metrics.
        metrics: Whether ``/metrics`` is served.
        tls: Whether browsers reach the node by HTTPS: then its cookies never travel in the clear.
        audit_reads: Whether the audit trail keeps who read which content.
        rates: How many requests a minute each may make.
        bandwidth: How many bytes a second each may send and fetch.
        access_log: Takes one entry a request.
        registry: Where this edge registers its metrics, and what ``/metrics`` shows.
    """

    version: str = "0"
    max_upload_bytes: int = MAX_UPLOAD_BYTES_DEFAULT
    cors_origins: tuple[str, ...] = ()
    metrics_public: bool = False
    docs: bool = True
    page: bool = True
    rest: bool = True
    metrics: bool = True
    tls: bool = False
    audit_reads: bool = False
    rates: RequestsPerMinute = field(default_factory=RequestsPerMinute)
    bandwidth: BytesPerSecond = field(default_factory=BytesPerSecond)
    access_log: AccessLog = to_structlog
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
