"""All services of the namespace in one value."""

from dataclasses import dataclass

from govault.ports import Clock, Randomness, Views
from govault.services.log.submit import Submitter
from govault.services.maintenance.purges import Purges
from govault.services.namespace.access import Access
from govault.services.namespace.changes import Changes
from govault.services.namespace.copies import Copies
from govault.services.namespace.cursors import Veil
from govault.services.namespace.folders import Folders
from govault.services.namespace.handing_over import HandingOver
from govault.services.namespace.history import History
from govault.services.namespace.listing import Listing
from govault.services.namespace.metadata import Metadata
from govault.services.namespace.moves import Moves
from govault.services.namespace.recommits import Recommits
from govault.services.namespace.spaces import Spaces
from govault.services.namespace.targets import Targets
from govault.services.namespace.trash import Trash
from govault.services.namespace.versions import Versions
from schemas.events.files import Retention


@dataclass(frozen=True, slots=True)
class Namespace:
    """Everything about names: where things are, and what becomes of them."""

    targets: Targets
    spaces: Spaces
    folders: Folders
    moves: Moves
    copies: Copies
    trash: Trash
    purges: Purges
    metadata: Metadata
    changes: Changes
    versions: Versions
    listing: Listing
    history: History
    access: Access
    handing_over: HandingOver


def assemble_namespace(
    views: Views,
    submitter: Submitter,
    clock: Clock,
    randomness: Randomness,
    default_retention: Retention,
    accounts_may_create_spaces: bool,
    cursor_key: bytes,
) -> Namespace:
    """Build them on the ports."""
    targets = Targets(views)
    veil = Veil(cursor_key)
    purges = Purges(views, submitter)
    trash = Trash(views, targets, submitter, purges, clock, veil)
    recommits = Recommits(views, submitter, clock, randomness)
    copies = Copies(views, targets, submitter, recommits)
    moves = Moves(targets, submitter, copies, trash)
    metadata = Metadata(targets, submitter)
    return Namespace(
        targets=targets,
        spaces=Spaces(views, submitter, purges, clock, randomness, default_retention, accounts_may_create_spaces),
        folders=Folders(targets, submitter),
        moves=moves,
        copies=copies,
        trash=trash,
        purges=purges,
        metadata=metadata,
        changes=Changes(targets, moves, metadata),
        versions=Versions(views, targets, submitter, purges, recommits),
        listing=Listing(views, targets, veil),
        history=History(views),
        access=Access(views, targets, submitter),
        handing_over=HandingOver(views, submitter),
    )
