"""FastAPI with GoVault's manners: its own refusals are problems too, and errors travel out to the edge."""

from collections.abc import Callable

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from api.errors import FRAMEWORK_CODES, PROBLEM_MEDIA_TYPE, document, title_of

MethodsAt = Callable[[str], set[str]]


class Rest(FastAPI):
    """A FastAPI application whose unhandled exceptions reach the edge instead of a second error page."""

    def build_middleware_stack(self) -> ASGIApp:
        """The framework's own stack without its outermost error page."""
        stack = super().build_middleware_stack()
        assert isinstance(stack, ServerErrorMiddleware)
        return stack.app


def install_problems(app: FastAPI, routers: list[APIRouter], raw_methods_at: MethodsAt) -> None:
    """Turn the framework's own refusals (404, 405, 422 …) into problems.

    Args:
        routers: Everything that was included.
        raw_methods_at: What the raw doors answer at a path: they share paths with the framework's routes.
    """

    routes = [route for router in routers for route in router.routes if isinstance(route, Route)]

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status, headers = error.status_code, dict(error.headers or {})
        path = request.scope["path"]
        allowed = raw_methods_at(path) | _framework_methods(routes, path)
        if status in (404, 405) and allowed and request.method not in allowed:
            status, headers = 405, {"allow": ", ".join(sorted(allowed))}
        detail = f"{request.method} is not possible here" if status == 405 else str(error.detail)
        if status == 404:
            detail = f"there is no route {path!r}; /openapi.json lists them"
        return _problem(request, status, detail, headers=headers)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        fields = [
            {"where": ".".join(str(part) for part in found["loc"]), "what": found["msg"], "rule": found["type"]}
            for found in error.errors()
        ]
        first = fields[0] if fields else {"where": "", "what": "invalid"}
        return _problem(request, 422, f"{first['where']}: {first['what']}", {"errors": fields})

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)


def _problem(
    request: Request,
    status: int,
    detail: str,
    extra: dict[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    code = FRAMEWORK_CODES.get(status, title_of(status).lower().replace(" ", "-"))
    body = document(status, code, detail, request.scope["state"]["request_id"], {"retryable": False, **(extra or {})})
    return Response(body, status, headers=headers, media_type=PROBLEM_MEDIA_TYPE)


def _framework_methods(routes: list[Route], path: str) -> set[str]:
    """Every method that some route answers at this path: the framework itself tells only the first route's."""
    methods = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
    return methods | {"HEAD"} if "GET" in methods else methods
