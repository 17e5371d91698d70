"""Which requests somebody who is no administrator may make at all. What is not listed is for administrators.

A request in the list is still checked against the grants of what it names, by the service that finds it: so a new
route is closed until somebody has thought about who may use it.
"""

from govault.domain.access import is_unchecked
from govault.domain.actor import Actor
from govault.errors import AccessDenied

_READS = ("GET", "HEAD")
OPEN: tuple[tuple[tuple[str, ...], str], ...] = (
    (("GET", "HEAD", "POST"), "/spaces"),
    (_READS, "/spaces/{space}"),
    (_READS, "/spaces/{space}/folders/{path}"),
    (_READS, "/files"),
    (_READS, "/trash"),
    (_READS, "/spaces/{space}/files/{path}"),
    (_READS, "/files/{ref}"),
    (_READS, "/files/{ref}/metadata"),
    (_READS, "/files/{ref}/versions"),
    (_READS, "/files/{ref}/versions/{version}"),
    (_READS, "/files/{ref}/versions/{version}/content"),
    (_READS, "/files/{ref}/history"),
    (("PATCH", "DELETE"), "/files/{ref}"),
    (("DELETE",), "/files/{ref}/versions/{version}"),
    (("POST",), "/files/{ref}/versions/{version}/restore"),
    (("POST",), "/files/{ref}/copy"),
    (("POST",), "/files"),
    (("PUT", "PATCH", "DELETE"), "/spaces/{space}/files/{path}"),
    (("PUT", "PATCH", "DELETE"), "/spaces/{space}/folders/{path}"),
    (("PATCH", "DELETE"), "/spaces/{space}"),
    (("DELETE",), "/trash"),
    (("DELETE",), "/trash/{id}"),
    (("POST",), "/trash/{id}/restore"),
    (_READS, "/files/{ref}/access"),
    (_READS, "/files/{ref}/access/explain"),
    (("PUT", "DELETE"), "/files/{ref}/access/{principal}"),
    (("PUT",), "/files/{ref}/owner"),
    (("GET", "HEAD", "POST"), "/files/{ref}/shares"),
    (("DELETE",), "/files/{ref}/shares/{share}"),
    (("POST",), "/files/{ref}/tokens"),
    (_READS, "/shares"),
    (_READS, "/spaces/{space}/access"),
    (_READS, "/spaces/{space}/access/explain"),
    (("PUT", "DELETE"), "/spaces/{space}/access/{principal}"),
)
"""Methods and templates; ``{path}`` last takes all remaining segments."""
OWN: tuple[tuple[tuple[str, ...], str], ...] = (
    (("GET", "HEAD", "PATCH"), "/me"),
    (("POST",), "/me/password"),
    (("GET", "HEAD", "DELETE"), "/me/sessions"),
    (("DELETE",), "/me/sessions/{session}"),
    (("GET", "HEAD", "POST"), "/me/tokens"),
    (("DELETE",), "/me/tokens/{token}"),
    (("POST",), "/auth/logout"),
    (_READS, "/audit"),
    (_READS, "/people/{login}"),
    (_READS, "/groups"),
    (("GET", "HEAD", "PATCH"), "/groups/{group}"),
    (_READS, "/groups/{group}/members"),
    (("PUT", "DELETE"), "/groups/{group}/members/{account}"),
)
"""About the account that asks, and the groups that it is in; of these the log decides who manages them."""
ANYBODYS: tuple[tuple[tuple[str, ...], str], ...] = (
    (_READS, "/spaces/{space}/files/{path}"),
    (_READS, "/spaces/{space}/folders/{path}"),
    (_READS, "/files/{ref}"),
    (_READS, "/files/{ref}/metadata"),
    (_READS, "/files/{ref}/versions"),
    (_READS, "/files/{ref}/versions/{version}"),
    (_READS, "/files/{ref}/versions/{version}/content"),
    (("PUT", "PATCH", "DELETE"), "/spaces/{space}/files/{path}"),
    (("PUT",), "/spaces/{space}/folders/{path}"),
)
"""Without a credential too, where it is granted to ``public``; where not, a credential is asked for."""
_ANYBODYS_SHAPES = [(methods, template.strip("/").split("/")) for methods, template in ANYBODYS]
_SHAPES = [(methods, template.strip("/").split("/")) for methods, template in (*OPEN, *OWN)]


def is_for_anybody(method: str, raw_path: str) -> bool:
    """Whether it may be asked without a credential."""
    segments = raw_path.removeprefix("/").split("/")
    return any(method in methods and _fits(shape, segments) for methods, shape in _ANYBODYS_SHAPES)


def check_permit(actor: Actor, method: str, raw_path: str) -> None:
    """Let administrators and the listed requests pass.

    Raises:
        AccessDenied: It is for administrators.
    """
    if is_unchecked(actor.name, actor.principals):
        return
    segments = raw_path.removeprefix("/").split("/")
    if not any(method in methods and _fits(shape, segments) for methods, shape in _SHAPES):
        raise AccessDenied("only an administrator may do this; ask one", code="access-denied.administrators")


def _fits(shape: list[str], segments: list[str]) -> bool:
    if shape[-1] == "{path}":
        fixed = len(shape) - 1
        return len(segments) > fixed and _fits(shape[:-1], segments[:fixed])
    return len(shape) == len(segments) and all(
        part.startswith("{") or part == given for part, given in zip(shape, segments, strict=True)
    )
