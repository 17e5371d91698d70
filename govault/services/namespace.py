"""All services of the namespace in one value."""

from dataclasses import dataclass

from govault.ports import Clock, Randomness, Views
from govault.services.access import Access
from govault.services.changes import Changes
from govault.services.copies import Copies
from govault.services.cursors import Veil
from govault.services.folders import Folders
from govault.services.handing_over import HandingOver
from govault.services.history import History
from govault.services.listing import Listing
from govault.services.metadata import Metadata
from govault.services.moves import Moves
from govault.services.purges import Purges
from govault.services.recommits import Recommits
from govault.services.spaces import Spaces
from govault.services.submit import Submitter
from govault.services.targets import Targets
from govault.services.trash import Trash
from govault.services.versions import Versions
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
