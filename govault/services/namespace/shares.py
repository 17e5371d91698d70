"""Share links: made and taken back by who owns what they lead to, and opened by whoever has one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from govault.auth.secrets import SECRET_CHARS, hash_secret, new_secret, same
from govault.domain.access import Level
from govault.domain.actor import Actor
from govault.domain.apply_access import ACCESS_RULES
from govault.domain.apply_shares import is_open, principal_of
from govault.domain.rows import Entity, FolderRow, Share, SharesRow
from govault.errors import AccessDenied, Authentication, Conflict, InvalidRequest, NotFound
from govault.ports import Clock, Passwords, Randomness, Views
from govault.services.log.submit import Submitter
from govault.services.namespace.targets import Located, Target, Targets
from schemas.events.shares import ShareCreated, ShareRevoked, ShareUsed
from schemas.ids import is_entity_id, is_share_id, new_share_id

_BODY_CHARS = 26
_CLOSED = "the link is unknown, revoked, expired or used up; ask for a new one"
_PAGE = 200


@dataclass(frozen=True, slots=True)
class ShareWish:
    """What a link shall be. ``valid_s`` and ``uses_max`` None: without end; ``password`` None: none is asked for."""

    mode: str = "read"
    name: str = ""
    valid_s: float | None = None
    uses_max: int | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """A link, and what it leads to."""

    located: Located
    share: Share


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that somebody has shown, and whom the requests by it are of."""

    located: Located
    share: Share
    actor: Actor


@dataclass(frozen=True, slots=True)
class Shares:
    """The acts."""

    views: Views
    targets: Targets
    submitter: Submitter
    passwords: Passwords
    clock: Clock
    randomness: Randomness

    async def create(self, actor: Actor, target: Target, wish: ShareWish) -> tuple[Shared, str]:
        """A link to a file or folder, and its token, which is told once.

        Raises:
            NotFound: There is nothing, as far as the actor may know.
            AccessDenied: He does not own it.
            InvalidRequest: A bound is none.
            Conflict: There are as many links to it as there can be, or the space does not decide access yet.
        """
        located = self._owned(actor, target)
        if self.views.partition_row(located.space.partition).rules < ACCESS_RULES:
            raise Conflict(
                "the space decides no access yet, so nothing can be shared: upgrade every node first",
                code="conflict.access-not-decided",
            )
        if wish.valid_s is not None and wish.valid_s <= 0:
            raise InvalidRequest("a link is valid for more than 0 seconds", rule="share-expires")
        now_ms = self.clock.time_ms()
        share_id, secret = new_share_id(now_ms, self.randomness.token(10)), new_secret(self.randomness)
        created = ShareCreated.model_validate(
            {
                "space_id": located.space.space_id,
                "target_id": located.entity.entity_id,
                "share_id": share_id,
                "mode": wish.mode,
                "secret_hash": hash_secret(secret),
                "verifier": "" if wish.password is None else await self.passwords.hash(wish.password),
                "expires_ms": None if wish.valid_s is None else now_ms + int(wish.valid_s * 1000),
                "uses_max": wish.uses_max,
                "name": wish.name,
            }
        )
        await self.submitter.submit(actor, created, located.space.partition, subject=located.space.space_id)
        share = self._share(located, share_id)
        if share is None:
            raise NotFound(_CLOSED, code="not-found.share-closed")
        return Shared(located, share), token_of(located.entity.entity_id, share_id, secret)

    def at(self, actor: Actor, target: Target) -> list[Shared]:
        """The links to a file or folder, for who owns it.

        Raises:
            NotFound, AccessDenied: As for making one.
        """
        located = self._owned(actor, target)
        row = self.views.files(located.space.partition).shares(located.entity.entity_id)
        return [Shared(located, share) for share in (row.shares if row is not None else ())]

    def all(self, actor: Actor) -> Iterator[Shared]:
        """Every link to what the actor owns."""
        for partition in self.views.partitions():
            for row in self._rows(partition):
                entity = self.views.entity(row.target_id)
                if entity is None or self.targets.level(actor, entity) < Level.OWNER:
                    continue
                try:
                    located = self.targets.located(row.target_id)
                except NotFound:
                    continue
                yield from (Shared(located, share) for share in row.shares)

    async def revoke(self, actor: Actor, target: Target, share_id: str) -> None:
        """Take a link back.

        Raises:
            NotFound: There is no such link.
            AccessDenied: The actor does not own what it leads to.
        """
        located = self._owned(actor, target)
        if self._share(located, share_id) is None:
            raise NotFound(f"there is no link {share_id[:40]!r} to it", code="not-found.share-unknown")
        revoked = ShareRevoked(space_id=located.space.space_id, target_id=located.entity.entity_id, share_id=share_id)
        await self.submitter.submit(actor, revoked, located.space.partition, subject=located.space.space_id)

    async def open(self, token: str, password: str | None, asker: Actor) -> Opened:
        """What a token leads to.

        Raises:
            NotFound: Nothing, or nothing any more.
            Authentication: The password lacks or is another one.
        """
        target_id, share_id, secret = read_token(token)
        entity = self.views.entity(target_id) if target_id else None
        space = None if entity is None else self.views.space(entity.space_id)
        row = None if space is None else self.views.files(space.partition).shares(target_id)
        share = next((one for one in (row.shares if row is not None else ()) if one.share_id == share_id), None)
        known = same(hash_secret(secret), share.secret_hash if share is not None else "0" * 64)
        if share is None or not known or not is_open(share, self.clock.time_ms()):
            raise NotFound(_CLOSED, code="not-found.share-closed")
        if share.verifier and (password is None or not (await self.passwords.verify(password, share.verifier)).ok):
            raise Authentication("the link asks for its password", code="authentication.share-password")
        principal = principal_of(share_id)
        actor = replace(asker, name=principal, principals=(principal,), session_id="", scopes=None)
        return Opened(self.targets.located(target_id), share, actor)

    async def use(self, opened: Opened) -> None:
        """Count a use, before anything is sent or taken.

        Raises:
            NotFound: It was used up, revoked or expired meanwhile.
        """
        located = opened.located
        used = ShareUsed(
            space_id=located.space.space_id, target_id=located.entity.entity_id, share_id=opened.share.share_id
        )
        actor = replace(opened.actor, idempotency_key=None)
        await self.submitter.submit(actor, used, located.space.partition, subject=located.space.space_id)

    def _owned(self, actor: Actor, target: Target) -> Located:
        located = self.targets.find(actor, target)
        if self.targets.level(actor, located.entity) < Level.OWNER:
            raise AccessDenied(
                "only who owns it, a folder above it, or manages the space shares it",
                code="access-denied.access-denied",
            )
        return located

    def _share(self, located: Located, share_id: str) -> Share | None:
        row = self.views.files(located.space.partition).shares(located.entity.entity_id)
        return next((one for one in (row.shares if row is not None else ()) if one.share_id == share_id), None)

    def _rows(self, partition: int) -> Iterator[SharesRow]:
        after = ""
        while page := self.views.share_rows(partition, after, _PAGE):
            yield from page
            after = page[-1].target_id


def below(opened: Opened, path: str) -> str:
    """The path in the space of what lies at a path below a shared folder.

    Raises:
        NotFound: The link leads to a file, and files hold nothing.
    """
    if path and type(opened.located.entity) is not FolderRow:
        raise NotFound("the link leads to a file", code="not-found.entity-unknown")
    return f"{opened.located.path}/{path}" if path else opened.located.path


def is_folder(entity: Entity) -> bool:
    """Whether a link leads to a folder."""
    return type(entity) is FolderRow


def token_of(target_id: str, share_id: str, secret: str) -> str:
    """The text of a link's token: what it leads to, its id, its secret."""
    return target_id.removeprefix("f_") + share_id.removeprefix("l_") + secret


def read_token(token: str) -> tuple[str, str, str]:
    """(target id, share id, secret) of a token; empty where it has not the form of one."""
    target_id, share_id = f"f_{token[:_BODY_CHARS]}", f"l_{token[_BODY_CHARS : 2 * _BODY_CHARS]}"
    secret = token[2 * _BODY_CHARS :]
    whole = len(secret) == SECRET_CHARS and secret.isascii()
    if not whole or not is_entity_id(target_id) or not is_share_id(share_id):
        return "", "", ""
    return target_id, share_id, secret
