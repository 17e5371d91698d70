"""The routing table of the raw doors."""

from api.dispatch import RawRoute
from api.settings import ApiSettings
from govault.services.catalog import Services


def raw_routes(services: Services, settings: ApiSettings) -> tuple[RawRoute, ...]:
    """Every raw door, bound to the services."""
    return ()
