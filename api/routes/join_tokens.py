"""Join tokens: how one more node gets into the vault."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.answers import KNOWN_QUERY, problems
from api.deps import ActorDep
from api.routes.upkeep_deps import UpkeepDep
from govault.domain.rows import JoinTokenRow
from schemas.rest.cluster import JoinTokenAsk, JoinTokenDocument, JoinTokensDocument, NewJoinTokenDocument

router = APIRouter(prefix="/admin/cluster", tags=["peers"], dependencies=[KNOWN_QUERY])


@router.post(
    "/tokens",
    summary="Make a join token",
    status_code=201,
    response_model=NewJoinTokenDocument,
    responses=problems(409),
)
async def make_token(upkeep: UpkeepDep, actor: ActorDep, ask: JoinTokenAsk) -> NewJoinTokenDocument:
    """One node may join with it, once, until it expires. The token is told now and never again."""
    text = await upkeep.join_tokens.issue(actor, ask.expires_s, ask.name, ask.zone, ask.weight)
    return NewJoinTokenDocument(token=text)


@router.get("/tokens", summary="The join tokens", response_model=JoinTokensDocument)
async def list_tokens(upkeep: UpkeepDep) -> JoinTokensDocument:
    """Every token that was made, by its hash: whether it is open, and who joined with it."""
    now_ms = upkeep.ports.clock.time_ms()
    return JoinTokensDocument(tokens=tuple(_document(row, now_ms) for row in upkeep.join_tokens.listed()))


@router.delete(
    "/tokens/{token_hash}",
    summary="Withdraw a join token",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404),
)
async def revoke_token(
    upkeep: UpkeepDep,
    actor: ActorDep,
    token_hash: Annotated[str, Path(description="The hash, or the beginning of one.", pattern="^[0-9a-f]{1,64}$")],
) -> Response:
    """Nobody joins with it any more."""
    await upkeep.join_tokens.revoke(actor, token_hash)
    return Response(status_code=204)


def _document(row: JoinTokenRow, now_ms: int) -> JoinTokenDocument:
    spent = row.spent_by not in ("", "revoked")
    return JoinTokenDocument(
        hash=row.token_hash,
        state="spent" if spent else "revoked" if row.spent_by else "expired" if now_ms > row.expires_ms else "open",
        issued_ms=row.issued_ms,
        expires_ms=row.expires_ms,
        spent_by=row.spent_by if spent else None,
        name=row.name,
        zone=row.zone,
        weight=row.weight,
    )
