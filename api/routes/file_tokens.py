"""``POST /files/{ref}/tokens``: an address for one file and a short while, for what sends neither header nor cookie."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.answers import KNOWN_QUERY, answer, problems
from api.deps import ActorDep, RefParam
from api.documents import instant
from api.middleware.gate import FILE_CLAIMS
from govault.services.contents.file_tokens import FileTokenActs, FileTokenWish
from schemas.rest.file_tokens import FileTokenAsk, FileTokenDocument

router = APIRouter(tags=["access"], dependencies=[KNOWN_QUERY])


def get_file_tokens(request: Request) -> FileTokenActs:
    """The node's file tokens."""
    file_tokens = request.app.state.services.file_tokens
    assert isinstance(file_tokens, FileTokenActs)
    return file_tokens


@router.post(
    "/files/{ref}/tokens",
    operation_id="create_file_token",
    status_code=201,
    response_model=FileTokenDocument,
    responses=problems(403, 404, 409),
)
async def create_file_token(
    request: Request,
    ref: RefParam,
    ask: FileTokenAsk,
    actor: ActorDep,
    file_tokens: Annotated[FileTokenActs, Depends(get_file_tokens)],
) -> Response:
    """Make an address for a file and a short while: for a media tag, a download manager, a colleague's curl.

    It gives what you may do with the file while it is used, and no more: reading, or with PUT also a next version. It
    ends by its time, and before that with your session or API token, with your account, and with your access.
    """
    made = file_tokens.issue(actor, ref, FileTokenWish(tuple(ask.methods), ask.expires_s, ask.version))
    claims = made.claims
    request.scope["state"][FILE_CLAIMS] = claims
    document = {
        "id": claims.token_id,
        "file": claims.file_id,
        "version": claims.version,
        "methods": claims.methods,
        "expires": instant(claims.expires_s * 1000),
        "token": made.text,
        "url": f"/content/{made.text}",
    }
    return answer(document, 201, {"cache-control": "no-store"})
