"""All services of a node in one value, and how they are put together from the ports."""

from dataclasses import dataclass

from govault.ports import ChunkStore, Clock, EventLog, Randomness, Views
from govault.services.namespace import Namespace, assemble_namespace
from govault.services.submit import Submitter


@dataclass(frozen=True, slots=True)
class Services:
    """What the doors call. Each field is one service; ``assemble`` is the only place that builds it."""

    views: Views
    submitter: Submitter
    namespace: Namespace


def assemble(
    *, log: EventLog, views: Views, store: ChunkStore, clock: Clock, randomness: Randomness, source: str
) -> Services:
    """Build every service on the ports.

    Args:
        source: ``/vaults/<vault id>/nodes/<node id>``.
    """
    submitter = Submitter(log, views, clock, randomness, source)
    namespace = assemble_namespace(views, submitter, clock, randomness)
    return Services(views=views, submitter=submitter, namespace=namespace)
