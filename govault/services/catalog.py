"""All services of a node in one value, and how they are put together from the ports."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from govault.ports import ChunkStore, Clock, EventLog, Randomness, StraightReads, Views
from govault.services.accounts.assembly import AccountServices
from govault.services.contents.archive import Archives
from govault.services.contents.commits import Commits
from govault.services.contents.downloads import Downloads
from govault.services.contents.file_tokens import FileTokenActs
from govault.services.contents.form_uploads import FormUploads
from govault.services.contents.known_contents import KnownContents
from govault.services.contents.uploads import Uploads
from govault.services.log.outcomes import Outcomes
from govault.services.log.submit import Submitter
from govault.services.maintenance.assembly import Upkeep
from govault.services.namespace.assembly import Namespace, assemble_namespace
from govault.services.namespace.shares import Shares
from govault.services.namespace.targets import Targets
from schemas.events.files import Retention
from schemas.topics import Topic


@dataclass(frozen=True, slots=True)
class Services:
    """What the doors call. Each field is one service; ``assemble`` is the only place that builds it."""

    views: Views
    submitter: Submitter
    targets: Targets
    uploads: Uploads
    known_contents: KnownContents
    form_uploads: FormUploads
    downloads: Downloads
    archives: Archives
    outcomes: Outcomes
    namespace: Namespace
    accounts: AccountServices | None = None
    shares: Shares | None = None
    file_tokens: FileTokenActs | None = None
    upkeep: Upkeep | None = None
    """Set by the node, which alone knows the rest of what upkeep needs."""


def with_accounts(services: Services, accounts: AccountServices, clock: Clock, randomness: Randomness) -> Services:
    """The same services with those that need to know who asks."""
    shares = Shares(
        services.views, services.targets, services.submitter, accounts.registry.passwords, clock, randomness
    )
    file_tokens = FileTokenActs(
        services.views,
        services.targets,
        services.downloads,
        accounts.file_tokens,
        accounts.authenticator,
        clock,
        randomness,
    )
    return replace(services, accounts=accounts, shares=shares, file_tokens=file_tokens)


def assemble(
    *,
    log: EventLog,
    views: Views,
    store: ChunkStore,
    clock: Clock,
    randomness: Randomness,
    source: str,
    straight: StraightReads | None = None,
    default_retention: Retention | None = None,
    is_stopped: Callable[[Topic, int], bool] = lambda *_: False,
    accounts_may_create_spaces: bool = True,
    cursor_key: bytes = b"",
) -> Services:
    """Build every service on the ports.

    Args:
        source: ``/vaults/<vault id>/nodes/<node id>``.
        straight: The short way out of ``store``, or of what of it lies on this node.
        default_retention: What new spaces keep; None: everything.
        is_stopped: Whether this node folds a partition no more.
        accounts_may_create_spaces: Whether others than administrators may.
        cursor_key: 32 bytes that all nodes of the vault share; empty: cursors of hidden places are good here only.
    """
    submitter = Submitter(log, views, clock, randomness, source, is_stopped=is_stopped)
    namespace = assemble_namespace(
        views,
        submitter,
        clock,
        randomness,
        default_retention or Retention(),
        accounts_may_create_spaces,
        cursor_key or randomness.token(32),
    )
    targets = namespace.targets
    commits = Commits(views, store, submitter)
    downloads = Downloads(views, targets, store, straight)
    uploads = Uploads(views, targets, store, submitter, commits, clock, randomness)
    return Services(
        views=views,
        submitter=submitter,
        targets=targets,
        uploads=uploads,
        known_contents=KnownContents(views, targets, uploads, commits),
        form_uploads=FormUploads(views, targets, store, uploads, commits),
        downloads=downloads,
        archives=Archives(views, targets, downloads),
        outcomes=Outcomes(views),
        namespace=namespace,
    )
