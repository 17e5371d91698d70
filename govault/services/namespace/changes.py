"""One request that changes a file's place and what is said about it: two events, so in an order that fails early."""

from dataclasses import dataclass

from govault.domain.actor import Actor
from govault.services.namespace.metadata import Metadata, MetadataWish
from govault.services.namespace.moves import Moves, MoveWish
from govault.services.namespace.targets import ByRef, Guard, Located, Target, Targets


@dataclass(frozen=True, slots=True)
class Changes:
    """Moves, then changes metadata: a move has more ways to be refused."""

    targets: Targets
    moves: Moves
    metadata: Metadata

    async def change(
        self,
        actor: Actor,
        target: Target,
        move: MoveWish | None,
        metadata: MetadataWish | None,
        guard: Guard | None = None,
    ) -> Located:
        """Do what is wished; nothing wished tells what there is.

        Raises:
            GoVaultError: See ``Moves.move`` and ``Metadata.change``. A refused metadata change after a move leaves
                the file moved.
        """
        if metadata is not None and move is None:
            return await self.metadata.change(actor, target, metadata, guard)
        if move is None:
            located = self.targets.find(actor, target)
            if guard is not None:
                guard(located)
            return located
        if metadata is None:
            return await self.moves.move(actor, target, move, guard)
        metadata.check()
        seen: list[int | None] = []

        def first(located: Located) -> int | None:
            self.targets.file(actor, ByRef(located.entity.entity_id))
            seen.append(None if guard is None else guard(located))
            return seen[0]

        moved = await self.moves.move(actor, target, move, first)
        # A file moved to another space begins its revisions anew there.
        revision = seen[0] if seen and move.space is None else None
        return await self.metadata.change(
            actor, ByRef(moved.entity.entity_id), metadata, lambda _: revision, step="metadata"
        )
